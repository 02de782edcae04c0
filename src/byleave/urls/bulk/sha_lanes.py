"""SHA-256 of sixteen messages at a time, one in each lane of the processor's widest registers, where it has them.

A block costs half of what the instructions of :mod:`byleave.urls.bulk.sha_instructions` take: these wait for one execution port, and lanes do not.
Where registers are narrower the instructions win.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from byleave.compiled import compiled_lean, compiled_within
from byleave.urls.bulk.sha_instructions import may_use

LANES = 16
BYTES, WORD = ir.IntType(8).as_pointer(), ir.IntType(64)
WIDE = ir.VectorType(ir.IntType(32), LANES)
_NUMBER = ir.IntType(32)
_CHOSEN, _MOST, _ODD = 0xCA, 0xE8, 0x96
"""Truth tables of three bits: the second or third as the first says, what two of them are, and whether an odd number is set."""
_FLAGS = ir.VectorType(ir.IntType(1), LANES)

_declared: Callable[..., Any] = cgutils.get_or_insert_function
_new_intrinsic: Callable[..., Any] = intrinsic


class Sixteen(NamedTuple):
    """Compiled functions over sixteen states, uint32 (8, 16): one message in each column.

    begin
        ``(states)``: set them to the start value.
    compress
        ``(lines, places, offset, states, wanted)``: lane ``i`` takes the 64 bytes at ``places[i] + offset`` of ``lines`` into its state if bit ``i`` of
        ``wanted`` is set; they are read in any case. ``places`` is int64 (16,).
    take
        ``(words, states)``: every lane takes a block into its state, whose sixteen words stand in its column of ``words``, uint32 (16, 16).
    finish
        ``(states, rows, digests)``: write the digest of lane ``i`` into the row ``rows[i]`` of ``digests``, uint64 (n, 4). ``rows`` is int64 (16,), and
        lanes of one row hold one message.
    """

    begin: Callable[..., None]
    compress: Callable[..., None]
    take: Callable[..., None]
    finish: Callable[..., None]


def sixteen_by_lanes(start: Sequence[int], rounds: Sequence[int]) -> Sixteen | None:
    """Compile them for the start value and the 64 round constants of FIPS 180-4, if the processor has registers that wide."""
    if not may_use("avx512f", "avx512bw", "avx512vl"):
        return None
    begin_states = in_lanes(1, lambda lanes, states: lanes.begin(states, start))
    take_blocks = in_lanes(5, lambda lanes, *arguments: lanes.take_blocks(rounds, *arguments))
    take_words = in_lanes(2, lambda lanes, *arguments: lanes.take_words(rounds, *arguments))
    write_digests = in_lanes(3, lambda lanes, *arguments: lanes.finish(*arguments))

    @compiled_within
    def begin(states: Any) -> None:
        begin_states(states)

    @compiled_within
    def compress(lines: Any, places: Any, offset: int, states: Any, wanted: int) -> None:
        take_blocks(lines, places, offset, states, wanted)

    @compiled_lean
    def take(words: Any, states: Any) -> None:
        take_words(words, states)

    @compiled_within
    def finish(states: Any, rows: Any, digests: Any) -> None:
        write_digests(states, rows, digests)

    return Sixteen(begin, compress, take, finish)


def in_lanes(count: int, write: Callable[..., None]) -> Callable[..., None]:
    """Make an intrinsic of ``count`` arguments out of what writes its instructions, which is given the address of an array and numbers as they are."""

    def typed(*kinds: Any) -> tuple[Any, Any]:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            given = [
                builder.bitcast(context.make_array(kind)(context, builder, value).data, BYTES)
                if isinstance(kind, types.Array)
                else value
                for kind, value in zip(signature.args, arguments, strict=True)
            ]
            write(Lanes(builder), *given)
            return context.get_dummy_value()

        wide = (kind if isinstance(kind, types.Array) else types.int64 for kind in kinds)
        return types.void(*wide), generate

    # numba counts the arguments of what it is given, so that each number of them has a function.
    by_count: dict[int, Callable[..., Any]] = {
        1: lambda _typing, a: typed(a),
        2: lambda _typing, a, b: typed(a, b),
        3: lambda _typing, a, b, c: typed(a, b, c),
        5: lambda _typing, a, b, c, d, e: typed(a, b, c, d, e),
    }
    function: Callable[..., None] = _new_intrinsic(by_count[count])
    return function


class Lanes:
    """Writes the instructions: FIPS 180-4 word for word, on sixteen words at a time."""

    def __init__(self, builder: Any) -> None:
        self.builder = builder

    def begin(self, states: Any, start: Sequence[int]) -> None:
        """Set the states to the start value."""
        for i, word in enumerate(start):
            self.store(all_lanes(word), states, i)

    def finish(self, states: Any, rows: Any, digests: Any) -> None:
        """Write the states as bytes, each message into its row."""
        builder, words = self.builder, self._state(states)
        half = ir.Constant(ir.VectorType(ir.IntType(32), 8), list(range(8)))
        for lane, message in enumerate(self._transposed([*words, *words])):
            digest = builder.shuffle_vector(self._call("llvm.bswap.v16i32", message), message, half)
            row = builder.load(self._at(rows, 8 * lane, WORD))
            start = builder.gep(digests, [builder.mul(row, ir.Constant(WORD, 32))])
            builder.store(digest, self._at(start, 0, digest.type), align=8)

    def take_blocks(
        self, rounds: Sequence[int], lines: Any, places: Any, offset: Any, states: Any, wanted: Any
    ) -> None:
        """Take the blocks into the states of the lanes that are wanted."""
        builder = self.builder
        columns = self.columns(builder.gep(lines, [offset]), places)
        words = [self._call("llvm.bswap.v16i32", column) for column in columns]
        before = self._state(states)
        after = self._after_rounds(rounds, before, words)
        flags = builder.bitcast(builder.trunc(wanted, ir.IntType(LANES)), _FLAGS)
        for i, (old, new) in enumerate(zip(before, after, strict=True)):
            self.store(builder.select(flags, builder.add(old, new), old), states, i)

    def take_words(self, rounds: Sequence[int], words: Any, states: Any) -> None:
        """Take blocks that stand in columns already into the states of all lanes."""
        before = self._state(states)
        after = self._after_rounds(rounds, before, [self.word(words, i) for i in range(LANES)])
        for i, (old, new) in enumerate(zip(before, after, strict=True)):
            self.store(self.builder.add(old, new), states, i)

    def word(self, start: Any, place: int) -> Any:
        """Return one word of all lanes: a row of uint32 (n, 16)."""
        return self.builder.load(self._at(start, 64 * place, WIDE), align=4)

    def store(self, word: Any, start: Any, place: int) -> None:
        """Write one word of all lanes, as :meth:`word` reads it."""
        self.builder.store(word, self._at(start, 64 * place, WIDE), align=4)

    def _state(self, states: Any) -> list[Any]:
        return [self.word(states, i) for i in range(8)]

    def columns(self, start: Any, places: Any) -> list[Any]:
        """Return the sixteen words behind each place, as they stand in memory, each with its lanes in the order of ``places``."""
        builder, rows = self.builder, []
        for lane in range(LANES):
            place = builder.load(self._at(places, 8 * lane, WORD))
            rows.append(
                builder.load(builder.bitcast(builder.gep(start, [place]), WIDE.as_pointer()), align=1)
            )
        return self._transposed(rows)

    def moved(self, start: Any, offset: int) -> Any:
        """Return the address so many bytes behind another."""
        return self.builder.gep(start, [ir.Constant(WORD, offset)])

    def delayed(self, first: Any, words: Sequence[Any]) -> list[Any]:
        """Return the words of a message that has the lowest byte of ``first`` before it, but for the last three bytes."""
        before = [first, *words[:-1]]
        return [
            self._call("llvm.fshl.v16i32", *pair, all_lanes(24)) for pair in zip(before, words, strict=True)
        ]

    def _transposed(self, rows: list[Any]) -> list[Any]:
        """Turn rows into columns, by exchanging between rows and places one bit of their numbers after the other."""
        for bit in (1, 2, 4, 8):
            low = [place if not place & bit else LANES + (place ^ bit) for place in range(LANES)]
            high = [place | bit if not place & bit else LANES + place for place in range(LANES)]
            turned = list(rows)
            for row in range(LANES):
                if not row & bit:
                    pair = rows[row], rows[row | bit]
                    turned[row], turned[row | bit] = self._shuffled(*pair, low), self._shuffled(*pair, high)
            rows = turned
        return rows

    def _after_rounds(self, rounds: Sequence[int], state: Sequence[Any], words: list[Any]) -> list[Any]:
        builder = self.builder
        a, b, c, d, e, f, g, h = state
        for i in range(64):
            if i >= LANES:
                words.append(self._scheduled(words))
            chosen = self._by_table(_CHOSEN, e, f, g)
            most = self._by_table(_MOST, a, b, c)
            mixed = self._sum(
                h, builder.add(words[i], all_lanes(rounds[i])), chosen, self._sigma(e, 6, 11, 25)
            )
            h, g, f, e = g, f, e, builder.add(d, mixed)
            d, c, b, a = c, b, a, self._sum(mixed, self._sigma(a, 2, 13, 22), most)
        return [a, b, c, d, e, f, g, h]

    def _scheduled(self, words: Sequence[Any]) -> Any:
        early, late = words[-15], words[-2]
        first = self._mixed(self._turned(early, 7), self._turned(early, 18), self._shifted(early, 3))
        second = self._mixed(self._turned(late, 17), self._turned(late, 19), self._shifted(late, 10))
        return self._sum(self._sum(words[-16], first), self._sum(words[-7], second))

    def _sigma(self, word: Any, *turns: int) -> Any:
        return self._mixed(*(self._turned(word, turn) for turn in turns))

    def _mixed(self, one: Any, other: Any, third: Any) -> Any:
        return self._by_table(_ODD, one, other, third)

    def _by_table(self, table: int, *words: Any) -> Any:
        """Return for the bits of three words what a truth table of eight bits says."""
        kinds = [WIDE, WIDE, WIDE, _NUMBER]
        function = ir.FunctionType(WIDE, kinds)
        name = "llvm.x86.avx512.pternlog.d.512"
        return self.builder.call(
            _declared(self.builder.module, function, name), [*words, ir.Constant(_NUMBER, table)]
        )

    def _sum(self, first: Any, *others: Any) -> Any:
        for other in others:
            first = self.builder.add(first, other)
        return first

    def _turned(self, word: Any, by: int) -> Any:
        return self._call("llvm.fshr.v16i32", word, word, all_lanes(by))

    def _shifted(self, word: Any, by: int) -> Any:
        return self.builder.lshr(word, all_lanes(by))

    def _shuffled(self, first: Any, second: Any, places: Sequence[int]) -> Any:
        return self.builder.shuffle_vector(first, second, ir.Constant(WIDE, list(places)))

    def _call(self, name: str, *arguments: Any) -> Any:
        function = ir.FunctionType(WIDE, [WIDE] * len(arguments))
        return self.builder.call(_declared(self.builder.module, function, name), arguments)

    def _at(self, start: Any, offset: int, kind: Any) -> Any:
        return self.builder.bitcast(self.moved(start, offset), kind.as_pointer())


def all_lanes(word: int) -> Any:
    """Return a number as a word of all lanes."""
    return ir.Constant(WIDE, [word] * LANES)
