"""Progress of long work, on standard error and only where that is a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import TaskID


class Bars:
    """One bar for each named step; a step begins when it is first told of."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def step(self, name: str, done: int, total: int) -> None:
        """Say how far a step is."""
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(f"{name:<6}", total=total)
        self._progress.update(self._tasks[name], completed=done)
