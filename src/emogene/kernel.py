"""Numba's compiler as EmoGene uses it: on first call, on the calling thread, without the GIL.

Import this only where kernels are defined, in modules that are themselves imported where they are used: so
``import emogene`` neither loads numba nor looks for a cache.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import njit

# Sums may be reordered and fused; our kernels divide by nothing that can be zero.
FAST_MATH = {"reassoc", "contract", "nsz", "arcp", "nnan", "ninf"}


def kernel(function: Callable[..., Any] | None = None, **options: Any) -> Any:
    """``function`` compiled on its first call, and kept on disk where there is a folder for it.

    A decorator, bare or with numba's own ``options`` in place of ours.
    """
    if function is None:
        return lambda chosen: kernel(chosen, **options)
    options = {"nogil": True, "fastmath": FAST_MATH, "error_model": "numpy", **options}
    try:
        return njit(cache=True, **options)(function)
    except RuntimeError:  # neither the package's folder nor the user's cache can be written
        return njit(**options)(function)


def kernel_cache() -> Path | None:
    """The folder that keeps this package's compiled kernels; None where each process compiles its own.

    Numba's choice: ``$NUMBA_CACHE_DIR``, beside the source, or the user's cache, whichever can be written.
    """
    cache = getattr(kernel(_probe), "_cache", None)
    path = getattr(cache, "cache_path", None)
    return None if path is None else Path(path)


def _probe() -> None: ...
