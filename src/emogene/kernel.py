"""Numba's compiler as EmoGene uses it: on first call, on the calling thread, without the GIL.

Import this only where kernels are defined, in modules that are themselves imported where they are used.
"""

from collections.abc import Callable
from typing import Any

from numba import njit

# Sums may be reordered and fused; our kernels divide by nothing that can be zero.
FAST_MATH = {"reassoc", "contract", "nsz", "arcp", "nnan", "ninf"}


def kernel(function: Callable[..., Any]) -> Any:
    """``function`` compiled on its first call, and kept on disk where there is a folder for it."""
    options = {"nogil": True, "fastmath": FAST_MATH, "error_model": "numpy"}
    try:
        return njit(cache=True, **options)(function)
    except RuntimeError:  # neither the package's folder nor the user's cache can be written
        return njit(**options)(function)
