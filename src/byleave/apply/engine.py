"""What spreads work over processes or machines, and what is spread: the same results come back from every engine.

Work is a value that travels. Each process begins it once, which is where a list is mapped or a model loaded, and then does one task after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from byleave import errors
from byleave.errors import ByleaveError

Rows = Callable[[int], None]
"""Told how many rows are done since it was last told."""

Task = TypeVar("Task")
Result = TypeVar("Result")
Task_contra = TypeVar("Task_contra", contravariant=True)
Result_co = TypeVar("Result_co", covariant=True)


class Work(Protocol[Task_contra, Result_co]):
    """What to do with every task. It is pickled, so it holds names and no open files; so are tasks and results."""

    def begin(self) -> Callable[[Task_contra, Rows], Result_co]:
        """Make ready what all tasks of this process need, and return what does one of them.

        A task may be done twice, when a worker was lost and perhaps only seemed so: both times it must leave the same bytes.
        """


class Shared(Protocol):
    """A file that work needs wherever it is done. It travels with the work."""

    def here(self) -> Path:
        """Return where it stands on this machine, fetched once and found whole."""


class Engine(Protocol):
    """Does tasks."""

    def share(self, path: Path) -> Shared:
        """Make a file of this machine, which does not change any more, available to all workers."""

    def run(
        self, work: Work[Task, Result], tasks: Sequence[Task], progress: Rows
    ) -> Iterator[tuple[int, Result]]:
        """Do all tasks; yield the number of each in the sequence and its result, as they finish.

        ``progress`` is told of rows as they are done, wherever that is, or at the end of a task where the way is too far.

        Raises
        ------
        ByleaveError
            The error of a task; the others are not finished then.
        UnavailableError
            If workers were lost more often than is bearable.
        """


@dataclass(frozen=True, slots=True)
class Counted:
    """The result of a task as it comes back from another process, with the rows that it told of there."""

    result: object
    rows: int


@dataclass(frozen=True, slots=True)
class Failure:
    """An error, as words: exceptions with words of their own do not travel between processes."""

    kind: str
    problem: str
    remedy: str

    @classmethod
    def of(cls, error: ByleaveError) -> Failure:
        """Put an error in words."""
        return cls(type(error).__name__, error.problem, error.remedy)

    def error(self) -> ByleaveError:
        """Make the error again."""
        kind: type[ByleaveError] = getattr(errors, self.kind, ByleaveError)
        return kind(self.problem, remedy=self.remedy)


@dataclass(frozen=True, slots=True)
class SameMachine:
    """A file that all workers see where it is."""

    path: Path

    def here(self) -> Path:
        """Return its path."""
        return self.path


def done_elsewhere(ready: Callable[[], Callable[[Task, Rows], Result]], task: Task) -> Counted | Failure:
    """Do a task in a worker process: rows are added up, an error of it or of the beginning becomes words."""
    rows = 0

    def count(done: int) -> None:
        nonlocal rows
        rows += done

    try:
        return Counted(ready()(task, count), rows)
    except ByleaveError as error:
        return Failure.of(error)
