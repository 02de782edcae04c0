"""Progress of long work on the terminal, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import TaskID


class Shown:
    """Bars on standard error where that is a terminal: a bar for each step, gone when the work is done."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[note]}"),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def step(self, name: str, done: int, total: int | None, note: str | None = None) -> None:
        """Show how far one step is; ``total`` is ``None`` where nobody knows it beforehand.

        ``note`` stands behind the bar instead of the two numbers, where they count what a person does not.
        """
        if note is None:
            note = f"{done:,}" if total is None else f"{done:,}/{total:,}"
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(f"{name:<8}", total=total, note=note)
        self._progress.update(self._tasks[name], completed=done, total=total, note=note)

    def forget(self) -> None:
        """Take the bars away; the next step begins with a new one."""
        for task in self._tasks.values():
            self._progress.remove_task(task)
        self._tasks.clear()

    def line(self, text: str, style: str = "") -> None:
        """Write a line above the bars. Nothing in it is read as markup: it may come from strangers' files."""
        self._console.print(text, style=style, markup=False)
