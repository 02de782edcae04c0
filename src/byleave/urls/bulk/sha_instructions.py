"""SHA-256 blocks by the processor's own SHA instructions, where it has them: seven times as fast as the plain loop.

Only x86-64 is served. Elsewhere, and where numba was told to compile for another processor, ``by_instructions`` is ``None``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from llvmlite.binding import get_host_cpu_features
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic

from byleave.compiled import compiled_within

FOUR = ir.VectorType(ir.IntType(32), 4)
BYTES = ir.IntType(8).as_pointer()

_declared: Callable[..., Any] = cgutils.get_or_insert_function
_new_intrinsic: Callable[..., Any] = intrinsic


def may_use(*wanted: str) -> bool:
    """Whether code compiled here may use these features of the processor, by their names in LLVM."""
    try:
        features = get_host_cpu_features()
    except RuntimeError:
        return False
    told = (vars(config)["CPU_NAME"], vars(config)["CPU_FEATURES"])
    return told == (None, None) and all(features.get(name, False) for name in wanted)


def has_instructions() -> bool:
    """Whether code compiled here may use the instructions."""
    return may_use("sha", "sse4.1", "avx")


def by_instructions(rounds: Sequence[int]) -> Callable[..., None] | None:
    """Compile a function ``(state, block, at, schedule, rounds)`` that takes 64 bytes into a state, for these 64 round constants."""
    if not has_instructions():
        return None

    def take(_typing: Any, state: Any, block: Any, at: Any) -> tuple[Any, Any]:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            words, data = (
                _start(context, builder, *pair)
                for pair in zip(signature.args[:2], arguments[:2], strict=True)
            )
            _take(builder, rounds, [(words, builder.gep(data, [arguments[2]]))])
            return context.get_dummy_value()

        return types.void(state, block, at), generate

    take_block = _new_intrinsic(take)

    @compiled_within
    def compress(state: Any, block: Any, at: int, schedule: Any, rounds: Any) -> None:  # noqa: ARG001 - as the plain loop
        take_block(state, block, at)

    return compress


def two_by_instructions(rounds: Sequence[int]) -> Callable[..., None] | None:
    """Compile ``(states, lines, first, second, schedule, rounds)``: the blocks at two places, each into its half of ``states``.

    Each of these instructions waits for the one before it; two messages at a time wait together.
    """
    if not has_instructions():
        return None

    def take(_typing: Any, states: Any, lines: Any, first: Any, second: Any) -> tuple[Any, Any]:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            words, data = (
                _start(context, builder, *pair)
                for pair in zip(signature.args[:2], arguments[:2], strict=True)
            )
            half = builder.gep(words, [ir.Constant(ir.IntType(64), 32)])
            places = [builder.gep(data, [at]) for at in arguments[2:]]
            _take(builder, rounds, list(zip((words, half), places, strict=True)))
            return context.get_dummy_value()

        return types.void(states, lines, first, second), generate

    take_blocks = _new_intrinsic(take)

    @compiled_within
    def compress_two(
        states: Any,
        lines: Any,
        first: int,
        second: int,
        schedule: Any,  # noqa: ARG001 - as the plain loop
        rounds: Any,  # noqa: ARG001 - as the plain loop
    ) -> None:
        take_blocks(states, lines, first, second)

    return compress_two


def _start(context: Any, builder: Any, kind: Any, array: Any) -> Any:
    return builder.bitcast(context.make_array(kind)(context, builder, array).data, BYTES)


def _take(builder: Any, rounds: Sequence[int], lanes: Sequence[tuple[Any, Any]]) -> None:
    """Write code that takes the block at one address into the state at another, for each lane, four rounds of each in turn."""
    # Mixed with wide registers in use, these old instructions are many times slower on some processors.
    function = ir.FunctionType(ir.VoidType(), [])
    builder.call(_declared(builder.module, function, "llvm.x86.avx.vzeroupper"), [])
    blocks = [_Block(builder, rounds, *lane) for lane in lanes]
    for group in range(16):
        for block in blocks:
            block.four_rounds(group)
    for block in blocks:
        block.end()


class _Block:
    """Writes the instructions. The processor keeps the state as the words A, B, E, F and C, D, G, H, last one first."""

    def __init__(self, builder: Any, rounds: Sequence[int], state: Any, block: Any) -> None:
        self._builder = builder
        self._rounds = rounds
        self._state = state
        low, high = self._load(state, 0), self._load(state, 16)
        self._abef = self._before_abef = self._shuffled(low, high, (5, 4, 1, 0))
        self._cdgh = self._before_cdgh = self._shuffled(low, high, (7, 6, 3, 2))
        self._words = [self._call("llvm.bswap.v4i32", self._load(block, 16 * i)) for i in range(4)]

    def four_rounds(self, group: int) -> None:
        """Do rounds ``4 * group`` to ``4 * group + 3``."""
        if group >= 4:
            self._words.append(self._scheduled(self._words[-4:]))
        constants = ir.Constant(FOUR, list(self._rounds[4 * group : 4 * group + 4]))
        mixed = self._builder.add(self._words[group], constants)
        self._cdgh = self._call("llvm.x86.sha256rnds2", self._cdgh, self._abef, mixed)
        upper = self._shuffled(mixed, mixed, (2, 3, 0, 0))
        self._abef = self._call("llvm.x86.sha256rnds2", self._abef, self._cdgh, upper)

    def end(self) -> None:
        """Add the state there was before and write it back."""
        abef = self._builder.add(self._abef, self._before_abef)
        cdgh = self._builder.add(self._cdgh, self._before_cdgh)
        self._store(self._shuffled(abef, cdgh, (3, 2, 7, 6)), self._state, 0)
        self._store(self._shuffled(abef, cdgh, (1, 0, 5, 4)), self._state, 16)

    def _scheduled(self, last: Sequence[Any]) -> Any:
        partly = self._call("llvm.x86.sha256msg1", last[0], last[1])
        partly = self._builder.add(partly, self._shuffled(last[2], last[3], (1, 2, 3, 4)))
        return self._call("llvm.x86.sha256msg2", partly, last[3])

    def _shuffled(self, first: Any, second: Any, lanes: Sequence[int]) -> Any:
        return self._builder.shuffle_vector(first, second, ir.Constant(FOUR, list(lanes)))

    def _call(self, name: str, *arguments: Any) -> Any:
        function = ir.FunctionType(FOUR, [FOUR] * len(arguments))
        return self._builder.call(_declared(self._builder.module, function, name), arguments)

    def _load(self, start: Any, offset: int) -> Any:
        return self._builder.load(self._at(start, offset), align=1)

    def _store(self, value: Any, start: Any, offset: int) -> None:
        self._builder.store(value, self._at(start, offset), align=1)

    def _at(self, start: Any, offset: int) -> Any:
        address = self._builder.gep(start, [ir.Constant(ir.IntType(64), offset)])
        return self._builder.bitcast(address, FOUR.as_pointer())
