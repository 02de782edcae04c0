"""Where work on a dataset is done: `--engine`, `--workers` and `--ray-address` of every command that takes them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from byleave.errors import InputError

if TYPE_CHECKING:
    from byleave.apply.engine import Engine

MOST_WORKERS = 256


@contextmanager
def engine_of(name: str, workers: int, ray_address: str | None) -> Iterator[Engine]:
    """Give the engine that the options name, and leave the cluster with the block where it is one.

    Raises
    ------
    InputError
        For another name, or too many workers.
    MissingExtraError, UnavailableError
        If Ray is not installed, or there is no cluster.
    """
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

    yield LocalEngine(workers)
