"""Sixty-four bytes at a time: which of them are this or that, as the bits of one word; and the few moves of bytes that loops spell badly.

Written for LLVM as vectors without a size of register, so that every processor does it by what it has. Whoever calls sees to the bounds:
``at`` and the 63 bytes behind it, or the 7 for a word, must lie in the array.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from byleave.compiled import compiled_within

WIDTH = 64
BYTE, NUMBER, WORD, LONG = (ir.IntType(bits) for bits in (8, 32, 64, 128))
WIDE = ir.VectorType(BYTE, WIDTH)
EIGHT = ir.VectorType(WORD, 8)

_new_intrinsic: Callable[..., Any] = intrinsic
_declared: Callable[..., Any] = cgutils.get_or_insert_function
_copied: Callable[..., Any] = cgutils.raw_memcpy
_shifted: Callable[..., Any] = cgutils.raw_memmove


class _Bytes:
    """Writes tests of 64 bytes from a place on, each giving 64 bits."""

    def __init__(self, builder: Any, start: Any) -> None:
        self._builder = builder
        self._start = start
        self._loaded = builder.load(builder.bitcast(start, WIDE.as_pointer()), align=1)

    def after(self, byte: int, test: Any) -> Any:
        """Whether a test holds of each byte and the one before it is this one."""
        before = _Bytes(self._builder, self._builder.gep(self._start, [ir.Constant(WORD, -1)]))
        return self._builder.and_(before.are(byte), test)

    def are(self, *bytes_: int) -> Any:
        """Whether each byte is one of these."""
        return self._any([self._compared("==", self._loaded, byte) for byte in bytes_])

    def between(self, low: int, high: int) -> Any:
        """Whether each byte is from ``low`` to ``high``."""
        return self._compared("<=", self._builder.sub(self._loaded, _all(low)), high - low)

    def outside(self, low: int, high: int) -> Any:
        """Whether each byte is below ``low`` or above ``high``."""
        return self._compared(">", self._builder.sub(self._loaded, _all(low)), high - low)

    def either(self, *tests: Any) -> Any:
        """Whether any of several tests holds of each byte."""
        return self._any(list(tests))

    def _compared(self, sign: str, left: Any, right: int) -> Any:
        return self._builder.icmp_unsigned(sign, left, _all(right))

    def _any(self, tests: list[Any]) -> Any:
        whole = tests[0]
        for test in tests[1:]:
            whole = self._builder.or_(whole, test)
        return whole


def _all(byte: int) -> Any:
    return ir.Constant(WIDE, [byte] * WIDTH)


def _address(context: Any, builder: Any, kind: Any, array: Any, at: Any) -> Any:
    data = context.make_array(kind)(context, builder, array).data
    return builder.gep(builder.bitcast(data, BYTE.as_pointer()), [at])


def _bits_where(test: Callable[[_Bytes], Any]) -> Callable[[Any, int], Any]:
    """Make a function of an array and a place in it that says of which of 64 bytes a test holds: the first byte is the lowest bit."""

    def bits(_typing: Any, array: Any, at: Any) -> tuple[Any, Any]:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            start = _address(context, builder, signature.args[0], *arguments)
            return builder.bitcast(test(_Bytes(builder, start)), WORD)

        return types.uint64(array, at), generate

    where: Callable[[Any, int], Any] = _new_intrinsic(bits)
    return where


slashes = _bits_where(lambda text: text.are(0x2F))
dots = _bits_where(lambda text: text.are(0x2E))
ampersands = _bits_where(lambda text: text.are(0x26))
letters_n_after_x = _bits_where(lambda text: text.after(0x78, text.are(0x6E)))
letters_a_after_ampersands = _bits_where(lambda text: text.after(0x26, text.are(0x61)))
"""These two read the byte before ``at`` as well."""
host_letters = _bits_where(
    lambda text: text.either(text.between(0x61, 0x7A), text.between(0x30, 0x39), text.between(0x2D, 0x2E))
)
"""Lower-case letters, digits, hyphen and dot."""
notable = _bits_where(
    lambda text: text.either(
        text.outside(0x21, 0x7E),
        text.between(0x22, 0x23),
        text.are(0x25, 0x27),
        text.between(0x7B, 0x7D),
        text.are(0x3C, 0x3E, 0x5C, 0x5E, 0x60),
        text.after(0x2F, text.are(0x2E)),
    )
)
"""Bytes for which the canonical form may ask more than copying: control, ``"#%'<>\\^`{|}``, what is not ASCII, and a dot behind a slash.

Reads the byte before ``at`` as well.
"""


def _load(_typing: Any, array: Any, at: Any) -> tuple[Any, Any]:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        start = _address(context, builder, signature.args[0], *arguments)
        return builder.load(builder.bitcast(start, WORD.as_pointer()), align=1)

    return types.uint64(array, at), generate


def _store(_typing: Any, array: Any, at: Any, _word: Any) -> tuple[Any, Any]:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        start = _address(context, builder, signature.args[0], *arguments[:2])
        builder.store(arguments[2], builder.bitcast(start, WORD.as_pointer()), align=1)
        return context.get_dummy_value()

    return types.void(array, at, types.uint64), generate


def _clear(_typing: Any, array: Any, at: Any) -> tuple[Any, Any]:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        start = _address(context, builder, signature.args[0], *arguments)
        builder.store(_all(0), builder.bitcast(start, WIDE.as_pointer()), align=1)
        return context.get_dummy_value()

    return types.void(array, at), generate


def _moved(_typing: Any, to: Any, at: Any, source: Any, first: Any) -> tuple[Any, Any]:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        into = _address(context, builder, signature.args[0], *arguments[:2])
        start = _address(context, builder, signature.args[2], *arguments[2:])
        loaded = builder.load(builder.bitcast(start, WIDE.as_pointer()), align=1)
        builder.store(loaded, builder.bitcast(into, WIDE.as_pointer()), align=1)
        return context.get_dummy_value()

    return types.void(to, at, source, first), generate


def _moved_first(_typing: Any, to: Any, at: Any, source: Any, first: Any, _count: Any) -> tuple[Any, Any]:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        into = _address(context, builder, signature.args[0], *arguments[:2])
        start = _address(context, builder, signature.args[2], *arguments[2:4])
        loaded = builder.load(builder.bitcast(start, WIDE.as_pointer()), align=1)
        count = builder.insert_element(_all(0), builder.trunc(arguments[4], BYTE), ir.Constant(NUMBER, 0))
        count = builder.shuffle_vector(count, _all(0), ir.Constant(ir.VectorType(NUMBER, WIDTH), [0] * WIDTH))
        # A word of flags would be spread over the bytes one by one where registers have no masks.
        kept = builder.icmp_unsigned("<", ir.Constant(WIDE, list(range(WIDTH))), count)
        some = builder.select(kept, loaded, _all(0))
        builder.store(some, builder.bitcast(into, WIDE.as_pointer()), align=1)
        return context.get_dummy_value()

    return types.void(to, at, source, first, types.int64), generate


def _moved_many(_typing: Any, to: Any, _at: Any, source: Any, _first: Any, _count: Any) -> tuple[Any, Any]:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        into = _address(context, builder, signature.args[0], *arguments[:2])
        start = _address(context, builder, signature.args[2], *arguments[2:4])
        _copied(builder, into, start, arguments[4], 1)
        return context.get_dummy_value()

    return types.void(to, types.int64, source, types.int64, types.int64), generate


def _shifted_many(_typing: Any, array: Any, _at: Any, _first: Any, _count: Any) -> tuple[Any, Any]:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind, (base, at, first, count) = signature.args[0], arguments
        into, start = (_address(context, builder, kind, base, place) for place in (at, first))
        _shifted(builder, into, start, count, 1)
        return context.get_dummy_value()

    return types.void(array, types.int64, types.int64, types.int64), generate


def _compared(_typing: Any, one: Any, at: Any, other: Any, first: Any) -> tuple[Any, Any]:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        places = (_address(context, builder, signature.args[i], *arguments[i : i + 2]) for i in (0, 2))
        left, right = (builder.load(builder.bitcast(place, WIDE.as_pointer()), align=1) for place in places)
        return builder.bitcast(builder.icmp_unsigned("!=", left, right), WORD)

    return types.uint64(one, at, other, first), generate


def _sought(_typing: Any, slots: Any, _first: Any, _tag: Any) -> tuple[Any, Any]:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        at = builder.shl(arguments[1], ir.Constant(WORD, 3))
        start = _address(context, builder, signature.args[0], arguments[0], at)
        loaded = builder.load(builder.bitcast(start, EIGHT.as_pointer()), align=8)
        none = ir.Constant(EIGHT, [0] * 8)
        tags = builder.insert_element(none, arguments[2], ir.Constant(NUMBER, 0))
        tags = builder.shuffle_vector(tags, none, ir.Constant(ir.VectorType(NUMBER, 8), [0] * 8))
        upper = builder.lshr(loaded, ir.Constant(EIGHT, [32] * 8))
        free = builder.icmp_unsigned("==", loaded, none)
        # A tag may be zero, which a free slot is as well.
        same = builder.and_(builder.icmp_unsigned("==", upper, tags), builder.not_(free))
        found, free = (builder.zext(builder.bitcast(flags, BYTE), WORD) for flags in (same, free))
        return builder.or_(found, builder.shl(free, ir.Constant(WORD, 8)))

    return types.uint64(slots, types.int64, types.uint64), generate


def _folded(_typing: Any, _one: Any, _other: Any) -> tuple[Any, Any]:
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        product = builder.mul(*(builder.zext(word, LONG) for word in arguments))
        upper = builder.lshr(product, ir.Constant(LONG, 64))
        return builder.trunc(builder.xor(product, upper), WORD)

    return types.uint64(types.uint64, types.uint64), generate


def _fetched(_typing: Any, array: Any, row: Any) -> tuple[Any, Any]:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = signature.args[0]
        stride = kind.dtype.bitwidth // 8
        at = builder.mul(arguments[1], ir.Constant(WORD, stride))
        start = _address(context, builder, kind, arguments[0], at)
        function = ir.FunctionType(ir.VoidType(), [BYTE.as_pointer(), NUMBER, NUMBER, NUMBER])
        call = _declared(builder.module, function, "llvm.prefetch.p0")
        builder.call(call, [start, *(ir.Constant(NUMBER, word) for word in (0, 3, 1))])
        return context.get_dummy_value()

    return types.void(array, row), generate


def _first(_typing: Any, word: Any) -> tuple[Any, Any]:
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(word), generate


def _zeros_above(_typing: Any, word: Any) -> tuple[Any, Any]:
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ctlz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(word), generate


def _swapped(_typing: Any, word: Any) -> tuple[Any, Any]:
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.bswap(arguments[0])

    return types.uint64(word), generate


load_word: Callable[..., Any] = _new_intrinsic(_load)
"""The eight bytes at a place, as a word."""
store_word: Callable[..., None] = _new_intrinsic(_store)
"""Write a word's eight bytes at a place."""
clear: Callable[..., None] = _new_intrinsic(_clear)
"""Write 64 zero bytes."""
copy_wide: Callable[..., None] = _new_intrinsic(_moved)
"""Copy 64 bytes to a place in one array from a place in another, or in the same one."""
copy_first: Callable[..., None] = _new_intrinsic(_moved_first)
"""As :func:`copy_wide`, with zeros for all but the first so many bytes, 0 to 64."""
copy_bytes: Callable[..., None] = _new_intrinsic(_moved_many)
"""Copy any number of bytes to a place in one array from a place in another one."""
shift_bytes: Callable[..., None] = _new_intrinsic(_shifted_many)
"""Copy any number of bytes to a place in an array from another place in it, which may overlap."""
differing: Callable[..., Any] = _new_intrinsic(_compared)
"""Which of the 64 bytes at a place in one array differ from those at a place in another, as the bits of a word."""
sought: Callable[..., Any] = _new_intrinsic(_sought)
"""Which of eight words from a place on have a number for their upper half, as the lowest eight bits of a word; the next eight say which are 0."""
folded: Callable[..., Any] = _new_intrinsic(_folded)
"""The product of two words, its upper half laid over the lower one."""
fetch: Callable[..., None] = _new_intrinsic(_fetched)
"""Ask the processor to bring the number at a flat place of an array nearer."""
lowest_bit: Callable[..., Any] = _new_intrinsic(_first)
"""The place of a word's lowest set bit; 64 where there is none."""
bits_above: Callable[..., Any] = _new_intrinsic(_zeros_above)
"""How many zero bits stand above a word's highest set bit."""
swapped_word: Callable[..., Any] = _new_intrinsic(_swapped)
"""A word with its bytes in the other order."""


@compiled_within
def low_bits(count: int) -> Any:
    """Return a word with its lowest ``count`` bits set, 0 to 64 and more."""
    full = types.uint64(0xFFFFFFFFFFFFFFFF)
    return full if count >= WIDTH else full >> types.uint64(WIDTH - count) if count > 0 else types.uint64(0)
