"""The same reading of pictures, in a child process that a hostile file can slow down or crash without harm.

Children are started afresh, never forked; they get none of our environment and answer in plain bytes that are checked here. A
child that has answered is kept for the next picture; one that was too slow or crashed is gone.
"""

from __future__ import annotations

import atexit
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

import byleave
from byleave.errors import ByleaveError, UnavailableError
from byleave.fingerprints import PICTURE_VERSION, ClaimedPicture, PictureFingerprint
from byleave.media.framing import (
    CLAIMED_PICTURE,
    DESCRIBE,
    PICTURES_PER_CHILD,
    BrokenMessageError,
    Facts,
    read_message,
    write_message,
)
from byleave.media.picture import FORMATS, WORKING_SIDE, Picture, Unusable, UnusableKind
from byleave.settings import MIB, Limits

START_SECONDS = 120.0
"""A first start compiles the number loops; later ones take about a second."""

ANSWER_BYTES = 4 * 1024 * 1024
"""More than a working copy and its thumbnail can take."""

_KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(32 * MIB), "MALLOC_TRIM_THRESHOLD_": str(64 * MIB)}
"""For glibc: keep the memory of one picture for the next. Given back and taken again, it costs a tenth of the time of a picture of 512 pixels."""

TEXT_CHARACTERS = 1000
MOST_VARIANTS = 16


def describe(encoded: bytes, *, limits: Limits, thumbnail_px: int | None = 192) -> Picture | Unusable:
    """Read one picture as :func:`byleave.media.describe` does, or say ``too_slow`` or ``crashed``.

    Raises
    ------
    UnavailableError
        When no child can be had: none starts, or all stay busy.
    """
    answer = _ask({"do": DESCRIBE, "thumbnail_px": thumbnail_px}, encoded, limits)
    if isinstance(answer, Unusable):
        return answer
    try:
        return _picture(*answer, encoded)
    except (KeyError, ValueError, TypeError, ByleaveError):
        return Unusable(UnusableKind.CRASHED, "the decoder gave an impossible answer")


def claimed_picture(encoded: bytes, *, limits: Limits) -> ClaimedPicture | Unusable:
    """Read one picture as :func:`byleave.media.claimed_picture` does; see :func:`describe`."""
    answer = _ask({"do": CLAIMED_PICTURE}, encoded, limits)
    if isinstance(answer, Unusable):
        return answer
    try:
        return _claimed(answer[0])
    except (KeyError, ValueError, AttributeError, TypeError, ByleaveError):
        return Unusable(UnusableKind.CRASHED, "the decoder gave an impossible answer")


def start(limits: Limits) -> None:
    """Start a child ahead of the first picture, so that nobody waits for it."""
    with _children.one(limits):
        pass


def stop() -> None:
    """End all idle children; the next picture starts a new one."""
    _children.stop()


class Child:
    """One decoding process and the pipes to it."""

    def __init__(self, limits: Limits) -> None:
        command = [
            sys.executable,
            "-P",
            "-X",
            "utf8",
            "-m",
            "byleave.media.child",
            json.dumps(asdict(limits)),
        ]
        self.limits = limits
        self.pictures = 0
        self.expired = False
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={
                "PYTHONPATH": str(Path(byleave.__file__).parents[1]),
                "HOME": str(Path.home()),
                **_KEEP_MEMORY,
            },
            cwd="/",
            start_new_session=True,
        )

    def wait_until_ready(self) -> None:
        """Wait for the child's first message."""
        try:
            with self._deadline(START_SECONDS):
                read_message(self.process.stdout, most_bytes=0)  # type: ignore[arg-type]  # a pipe, as asked for above
        except BrokenMessageError as error:
            self.end()
            raise UnavailableError(
                "the process that decodes pictures does not start", remedy="run `byleave doctor`"
            ) from error

    def ask(self, facts: Facts, encoded: bytes) -> tuple[Facts, list[bytes]] | Unusable:
        """Send one picture and wait for what it holds."""
        return self.ask_together(facts, [encoded], ANSWER_BYTES)

    def ask_together(
        self, facts: Facts, encoded: Sequence[bytes], answer_bytes: int
    ) -> tuple[Facts, list[bytes]] | Unusable:
        """Send pictures that together may take the time of one, and wait for an answer of at most ``answer_bytes``."""
        self.pictures += len(encoded)
        try:
            with self._deadline(self.limits.picture_seconds):
                write_message(self.process.stdin, facts, encoded)  # type: ignore[arg-type]  # a pipe, as asked for above
                answer = read_message(self.process.stdout, most_bytes=answer_bytes)  # type: ignore[arg-type]  # likewise
        except (OSError, BrokenMessageError):
            self.end()
            if self.expired or self.process.returncode == -signal.SIGXCPU:
                seconds = self.limits.picture_seconds
                return Unusable(
                    UnusableKind.TOO_SLOW, f"the picture took more than {seconds:g} seconds to decode"
                )
            return Unusable(UnusableKind.CRASHED, "the decoder crashed on this file")
        return answer

    @property
    def is_usable(self) -> bool:
        return self.process.poll() is None and not self.expired and self.pictures < PICTURES_PER_CHILD

    def end(self) -> None:
        """Kill the child and reap it."""
        self.process.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            with suppress(OSError):
                pipe.close()  # type: ignore[union-attr]  # both are pipes, as asked for above
        self.process.wait()

    @contextmanager
    def _deadline(self, seconds: float) -> Iterator[None]:
        timer = threading.Timer(seconds, self._expire)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()

    def _expire(self) -> None:
        self.expired = True
        self.process.kill()


class Children:
    """At most one child a processor, two at least; the idle ones wait here."""

    def __init__(self) -> None:
        self.most = max(2, os.cpu_count() or 1)
        self._free = threading.BoundedSemaphore(self.most)
        self._lock = threading.Lock()
        self._idle: list[Child] = []

    @contextmanager
    def one(self, limits: Limits) -> Iterator[Child]:
        """Lend a child that works under ``limits``."""
        if not self._free.acquire(timeout=2 * limits.picture_seconds):
            raise UnavailableError("too many pictures are being read at once", remedy="try again in a minute")
        try:
            child = self._take(limits)
            try:
                yield child
            finally:
                self._put_back(child)
        finally:
            self._free.release()

    def stop(self) -> None:
        """End the idle children."""
        with self._lock:
            idle, self._idle = self._idle, []
        for child in idle:
            child.end()

    def _take(self, limits: Limits) -> Child:
        with self._lock:
            fitting = next(
                (child for child in self._idle if child.limits == limits and child.is_usable), None
            )
            leaving = [child for child in self._idle if not child.is_usable]
            self._idle = [child for child in self._idle if child is not fitting and child not in leaving]
        for child in leaving:
            child.end()
        if fitting is not None:
            return fitting
        fresh = Child(limits)
        fresh.wait_until_ready()
        return fresh

    def _put_back(self, child: Child) -> None:
        leaving = [child]
        if child.is_usable:
            with self._lock:
                self._idle.append(child)
                leaving = self._idle[: -self.most]
                self._idle = self._idle[-self.most :]
        for old in leaving:
            old.end()


_children = Children()
atexit.register(stop)


def _ask(facts: Facts, encoded: bytes, limits: Limits) -> tuple[Facts, list[bytes]] | Unusable:
    if len(encoded) > limits.picture_bytes:
        return Unusable(
            UnusableKind.TOO_LARGE, f"{len(encoded)} bytes, at most {limits.picture_bytes} are read"
        )
    with _children.one(limits) as child:
        answer = child.ask(facts, encoded)
    if isinstance(answer, Unusable) or "unusable" not in answer[0]:
        return answer
    try:
        return Unusable(UnusableKind(answer[0]["unusable"]), str(answer[0]["detail"])[:TEXT_CHARACTERS])
    except (KeyError, ValueError):
        return Unusable(UnusableKind.CRASHED, "the decoder gave an impossible answer")


def _picture(facts: Facts, parts: list[bytes], encoded: bytes) -> Picture:
    rgb, thumbnail = parts
    rows, columns, channels = (checked_count(side, WORKING_SIDE) for side in facts["shape"])
    if channels != 3 or facts["format"] not in [name.lower() for name in FORMATS]:
        raise ValueError("not a picture")
    return Picture(
        width=checked_count(facts["width"], 1 << 31),
        height=checked_count(facts["height"], 1 << 31),
        format=facts["format"],
        digest=hashlib.sha256(encoded).digest(),
        fingerprint=PictureFingerprint(
            bytes.fromhex(facts["plain"]),
            bytes.fromhex(facts["trimmed"]),
            checked_count(facts["quality"], 100, least=0),
        ),
        rgb=np.frombuffer(rgb, np.uint8).reshape(rows, columns, channels),
        thumbnail=thumbnail or None,
        creator=_text(facts["creator"]),
        rights=_text(facts["rights"]),
    )


def _claimed(facts: Facts) -> ClaimedPicture:
    claimed = ClaimedPicture.parse(facts["claimed"])
    checked_count(claimed.quality, 100, least=0)
    if len(claimed.variants) > MOST_VARIANTS or claimed.version != PICTURE_VERSION:
        raise ValueError("not what is computed here")
    return claimed


def checked_count(value: Any, most: int, *, least: int = 1) -> int:
    """Return a whole number that a child told; a ``ValueError`` where it is none from ``least`` to ``most``."""
    if type(value) is not int or not least <= value <= most:
        raise ValueError("a number out of range")
    return value


def _text(value: Any) -> str | None:
    if value is not None and (type(value) is not str or len(value) > TEXT_CHARACTERS):
        raise ValueError("a text out of range")
    return value
