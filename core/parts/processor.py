"""What this machine's processor is, as far as the choice of a kernel or the size of a stack depends on it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np

AVX2, AVX512 = "X86_V3", "X86_V4"  # as NumPy names them
_extensions = np.show_config(mode="dicts")["SIMD Extensions"]
SIMD = frozenset((*_extensions.get("baseline", ()), *_extensions.get("found", ())))
USUAL_CACHE = 512 * 1024


def second_level_cache(folder: str = "/sys/devices/system/cpu/cpu0/cache") -> int:
    """Bytes of the second-level cache, which most processors have for each core, as Linux says; the usual where nobody knows."""
    for index in Path(folder).glob("index*"):
        with suppress(OSError, ValueError):
            size = (index / "size").read_text().strip()
            if (index / "level").read_text().strip() == "2" and size.endswith("K"):
                return int(size[:-1]) * 1024
    return USUAL_CACHE


OWN_CACHE = second_level_cache()
