"""Words for whoever waits while loops are compiled: on each machine once for each kind of run, for a minute or so the first time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

KEPT = "compiling for this processor what no run needed before: a minute or so the first time; it is kept"
NOT_KEPT = "compiling for this processor: a minute or so in every run, since ~/.cache/byleave is not a folder that you alone can use"


def tell_of_compiling(tell: Callable[[str], None]) -> None:
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
