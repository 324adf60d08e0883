"""What a run's numbers depend on besides its settings: packages, processor and kernels."""

from __future__ import annotations

import importlib.metadata
import platform
from functools import cache

MADE_BY = ("torch", "numpy", "scikit-learn")


@cache
def versions() -> str:
    """What a run's last bits depend on: packages, processor and kernels, as ``torch 2.13.0, …, x86_64 SkylakeX X86_V4``."""
    return ", ".join([packages(), " ".join([platform.machine(), *_kernels()])])


def packages() -> str:
    """The packages that a run's last bits depend on, as ``torch 2.13.0, numpy 2.4.6, …``."""
    return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in MADE_BY)


@cache
def _kernels() -> tuple[str, ...]:
    """The processor kinds for which NumPy's BLAS has kernels loaded, and the highest for which its own loops are made."""
    import numpy  # brings its BLAS along
    from threadpoolctl import threadpool_info

    blas = sorted({library["architecture"] for library in threadpool_info() if library.get("architecture")})
    return (*blas, *numpy.show_config(mode="dicts")["SIMD Extensions"].get("found", ())[-1:])
