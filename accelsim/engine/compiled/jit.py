"""How the loops of this package are compiled, and the machine instructions that NumPy has no name for."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar, cast

import numba
import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from accelsim.engine.compiled.code_cache import PackageCache

Function = TypeVar("Function", bound=Callable[..., Any])


_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
_HELPER_OPTIONS: dict[str, Any] = {**_OPTIONS, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
"""Helpers need no code that turns Python objects into their arguments, which takes long to compile."""


def compiled(function: Function) -> Function:
    """Compile a function that Python calls, at its first call, and keep the code on disk where that is possible."""
    dispatcher = numba.njit(**_OPTIONS)(function)
    with suppress(RuntimeError):  # no folder can be written
        dispatcher._cache = PackageCache(function)  # type: ignore[no-untyped-call]  # what `cache=True` does, with numba's own class
    return cast(Function, dispatcher)


def helper(function: Function) -> Function:
    """Compile a function that only compiled functions call. Its code is kept as a part of theirs."""
    return cast(Function, numba.njit(**_HELPER_OPTIONS)(function))


def inlined(function: Function) -> Function:
    """Compile a helper into every function that calls it: the call would cost more than most of these do."""
    return cast(Function, numba.njit(forceinline=True, **_HELPER_OPTIONS)(function))


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
