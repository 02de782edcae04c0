"""Words for whoever waits while loops are compiled: on each machine once for each kind of run, for a minute or so the first time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from threading import Thread
from typing import Any

from byleave.cli.output import say

KEPT = "compiling for this processor what no run needed before: a minute or so the first time; it is kept"
NOT_KEPT = "compiling for this processor: a minute or so in every run, since ~/.cache/byleave is not a folder that you alone can use"


def tell_of_compiling(tell: Callable[[str], None] = say) -> None:
    """Tell before this process compiles its first loop; nothing where all it runs was compiled before.

    What is compiled is kept by :mod:`byleave.compiled`.
    """
    from numba.core import event

    from byleave.compiled import CACHE_FOLDER

    class FirstLoop(event.Listener):
        told = False

        def on_start(self, _: Any) -> None:
            if not self.told:
                self.told = True
                tell(KEPT if CACHE_FOLDER is not None else NOT_KEPT)

        def on_end(self, _: Any) -> None: ...

    event.register("numba:compile", FirstLoop())  # type: ignore[no-untyped-call]  # numba says nothing of it


@contextmanager
def heard_from_workers(tell: Callable[[str], None]) -> Iterator[Callable[[], None]]:
    """Give what each worker calls first, so that ``tell`` is called in this process, once, before one of them compiles its first loop."""
    ours, theirs = Pipe(duplex=False)
    Thread(target=_hear, args=(ours, tell), daemon=True).start()
    with theirs:
        yield _InWorker(theirs)


def _hear(workers: Connection, tell: Callable[[str], None]) -> None:
    with workers:
        told = False
        while True:
            try:
                words = workers.recv_bytes()
            except EOFError:  # the last of them has left
                return
            if not told:
                tell(words.decode())
            told = True


@dataclass(frozen=True, slots=True)
class _InWorker:
    parent: Connection

    def __call__(self) -> None:
        tell_of_compiling(self._pass_on)

    def _pass_on(self, words: str) -> None:
        self.parent.send_bytes(words.encode())
