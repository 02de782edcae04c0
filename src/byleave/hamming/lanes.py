"""Sixteen halves of values compared at once, written for LLVM as vectors without a size of register, so that every processor does it by what it has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

LANES = 16
BYTE, WORD, BIT = ir.IntType(8), ir.IntType(64), ir.IntType(1)
WIDE = ir.VectorType(WORD, LANES)

_new_intrinsic: Callable[..., Any] = intrinsic
_declared: Callable[..., Any] = cgutils.get_or_insert_function


def _spread(builder: Any, number: Any) -> Any:
    """Put one number into all lanes."""
    one = builder.insert_element(ir.Constant(WIDE, ir.Undefined), number, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(
        one, ir.Constant(WIDE, ir.Undefined), ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    )


def _different_bits(context: Any, builder: Any, kind: Any, array: Any, at: Any, word: Any) -> Any:
    """Count in which bits each of the words behind ``at`` differs from one word."""
    data = context.make_array(kind)(context, builder, array).data
    start = builder.bitcast(builder.gep(data, [at]), WIDE.as_pointer())
    different = builder.xor(builder.load(start, align=8), _spread(builder, word))
    ones = _declared(builder.module, ir.FunctionType(WIDE, [WIDE]), f"llvm.ctpop.v{LANES}i64")
    return builder.call(ones, [different])


def _near(
    _typing: Any, firsts: Any, seconds: Any, at: Any, _left: Any, _right: Any, _radius: Any
) -> tuple[Any, Any]:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        first, second, place, left, right, radius = arguments
        bits = builder.add(
            _different_bits(context, builder, signature.args[0], first, place, left),
            _different_bits(context, builder, signature.args[1], second, place, right),
        )
        within = builder.icmp_unsigned("<=", bits, _spread(builder, radius))
        return builder.zext(builder.bitcast(within, ir.IntType(LANES)), WORD)

    return types.uint64(firsts, seconds, at, types.uint64, types.uint64, types.int64), generate


def _first(_typing: Any, word: Any) -> tuple[Any, Any]:
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(BIT, 0))

    return types.int64(word), generate


def _fetched(_typing: Any, array: Any, row: Any) -> tuple[Any, Any]:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = signature.args[0]
        data = builder.bitcast(
            context.make_array(kind)(context, builder, arguments[0]).data, BYTE.as_pointer()
        )
        start = builder.gep(data, [builder.mul(arguments[1], ir.Constant(WORD, kind.dtype.bitwidth // 8))])
        number = ir.IntType(32)
        function = ir.FunctionType(ir.VoidType(), [BYTE.as_pointer(), number, number, number])
        call = _declared(builder.module, function, "llvm.prefetch.p0")
        builder.call(call, [start, *(ir.Constant(number, word) for word in (0, 3, 1))])
        return context.get_dummy_value()

    return types.void(array, row), generate


lanes_within: Callable[..., Any] = _new_intrinsic(_near)
"""Of the :data:`LANES` pairs of words behind a place in two arrays, which differ from one pair in at most ``radius`` bits, as bits of a word.

So many words behind the place must lie in the arrays.
"""
lowest_lane: Callable[..., Any] = _new_intrinsic(_first)
"""The place of a word's lowest set bit; 64 where there is none."""
fetch_word: Callable[..., None] = _new_intrinsic(_fetched)
"""Ask the processor to bring the number at a flat place of an array nearer."""
