"""Where work on a dataset is done: `--engine`, `--workers` and `--ray-address` of every command that takes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from byleave.errors import InputError

if TYPE_CHECKING:
    from byleave.apply.engine import Engine

MOST_WORKERS = 256


@contextmanager
def engine_of(
    name: str, workers: int, ray_address: str | None, tell: Callable[[str], None] | None = None
) -> Iterator[Engine]:
    """Give the engine that the options name, and leave the cluster with the block where it is one.

    ``tell`` is given the words for whoever waits where this process, or a worker of this machine, compiles loops.

    Raises
    ------
    InputError
        For another name, or too many workers.
    MissingExtraError, UnavailableError
        If Ray is not installed, or there is no cluster.
    """
    from byleave.cli.compiling import heard_from_workers, tell_of_compiling

    if tell is not None:
        tell_of_compiling(tell)
    if name == "ray":
        from byleave.apply.ray_engine import joined

        with joined(ray_address) as cluster:
            yield cluster
        return
    if name != "local":
        raise InputError(f"no engine is called {name[:50]!r}", remedy="use local or ray")
    if workers > MOST_WORKERS:
        raise InputError(f"{workers} processes cannot work on a dataset", remedy=f"give 1 to {MOST_WORKERS}")
    from byleave.apply.local_engine import LocalEngine

    if tell is None or workers == 1:
        yield LocalEngine(workers)
        return
    with heard_from_workers(tell) as first:
        yield LocalEngine(workers, first)
