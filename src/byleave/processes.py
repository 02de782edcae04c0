"""Processes that share the work of this machine: started afresh, ended with the process that started them, and silent at Ctrl-C. And what they do with memory."""

from __future__ import annotations

import ctypes
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing import connection, get_context, parent_process
from typing import Any, Final, ParamSpec, TypeVar

Given = ParamSpec("Given")
Result = TypeVar("Result")

KEPT_BYTES: Final = 256 * 1024 * 1024
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Source: ``malloc.h`` of the GNU C library."""


def keep_freed_memory() -> None:
    """Keep memory that was freed for whatever asks next, up to :data:`KEPT_BYTES`, where the C library is GNU's; for a process of a command's own.

    It would give back arrays of several megabytes each time, and fresh memory is cleared page by page; where a host has taken it back meanwhile,
    each byte costs ten times as much.
    """
    with suppress(OSError, AttributeError, TypeError):
        library = ctypes.CDLL(None)
        for threshold in (_MMAP_THRESHOLD, _TRIM_THRESHOLD):
            library.mallopt(threshold, KEPT_BYTES)


class Processes(ProcessPoolExecutor):
    """A pool of at most ``workers`` processes. Each calls ``begin`` with ``args`` before its first task.

    A worker ends when its parent does, even by a kill that runs no clean-up, and at once where somebody presses Ctrl-C.
    """

    def __init__(self, workers: int, begin: Callable[..., None] | None = None, *args: Any) -> None:
        super().__init__(workers, get_context("spawn"), initializer=_begin, initargs=(begin, args))

    def submit(
        self, fn: Callable[Given, Result], /, *args: Given.args, **kwargs: Given.kwargs
    ) -> Future[Result]:
        """Have a worker call ``fn``; Ctrl-C waits until the worker that this may start has begun."""
        with _no_interrupts():
            return super().submit(fn, *args, **kwargs)


@contextmanager
def _no_interrupts() -> Iterator[None]:
    """Put Ctrl-C off while processes are started, so that none is left half begun. They inherit that, and are not interrupted amid their imports."""
    pressed: list[int] = []
    # No other thread is interrupted, nor may it ask.
    in_main = threading.current_thread() is threading.main_thread()
    handler = signal.signal(signal.SIGINT, lambda number, _: pressed.append(number)) if in_main else None
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if handler is not None:
            signal.signal(signal.SIGINT, handler)
        if pressed:
            signal.raise_signal(signal.SIGINT)


def _begin(begin: Callable[..., None] | None, args: tuple[Any, ...]) -> None:
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_await_end, args=(parent.sentinel,), daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    if begin is not None:
        begin(*args)


def _await_end(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)
