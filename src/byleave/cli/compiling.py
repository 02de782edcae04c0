"""Words for whoever waits while loops are compiled: on each machine once, for a minute or so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

WORDS = "compiling for this processor: a minute or so, once for this version of Byleave"


def tell_of_compiling(tell: Callable[[str], None]) -> None:
    """Tell before this process compiles its first loop; nothing where all it runs was compiled before.

    What is compiled is kept by :mod:`byleave.compiled`.
    """
    from numba.core import event

    class FirstLoop(event.Listener):
        told = False

        def on_start(self, _: Any) -> None:
            if not self.told:
                self.told = True
                tell(WORDS)

        def on_end(self, _: Any) -> None: ...

    event.register("numba:compile", FirstLoop())  # type: ignore[no-untyped-call]  # numba says nothing of it
