"""How the loops of this package are compiled, and the machine instructions that NumPy has no name for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Compile the function to machine code at its first call.

    The code is kept on disk, where that is possible. Numba tells whether it is out of date by the source file of the
    function that Python calls, and by that alone; so whatever such a function calls is in the same file.
    """
    try:
        return cast(Function, numba.njit(cache=True, nogil=True, error_model="numpy")(function))
    except RuntimeError:  # no folder can be written, neither beside the source nor the user's own
        return cast(Function, numba.njit(nogil=True, error_model="numpy")(function))


def inlined(function: Function) -> Function:
    """As `compiled`, and made part of every compiled function that calls it: a call costs more than most of these do."""
    return cast(Function, numba.njit(forceinline=True, nogil=True, error_model="numpy")(function))


@intrinsic
def _count_set_bits(typing_context: Any, word: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.int64(types.uint64), generate


@intrinsic
def _count_trailing_zeros(typing_context: Any, word: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), generate


popcount = cast(Callable[[np.uint64], int], _count_set_bits)
"""Set bits of a word."""

lowest_bit = cast(Callable[[np.uint64], int], _count_trailing_zeros)
"""Number of the lowest set bit of a word; 64 if there is none."""
