"""What this machine's processor can do, as far as the choice of a kernel depends on it."""

from __future__ import annotations

import numpy as np

AVX2, AVX512 = "X86_V3", "X86_V4"  # as NumPy names them
_extensions = np.show_config(mode="dicts")["SIMD Extensions"]
SIMD = frozenset((*_extensions.get("baseline", ()), *_extensions.get("found", ())))
