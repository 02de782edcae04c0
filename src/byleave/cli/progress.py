"""Progress of long work on the terminal, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import TaskID


class Shown:
    """Bars on the terminal, where there is one: a bar for each step, with rows done and rows in all."""

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

    def step(self, name: str, done: int, total: int | None) -> None:
        """Show one step's rows; ``total`` is ``None`` where nobody knows it beforehand."""
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(f"{name:<8}", total=total)
        self._progress.update(self._tasks[name], completed=done)
