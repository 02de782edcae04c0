"""The child process in which strangers' pictures are decoded: ``python -m byleave.media.child LIMITS``.

It loads and compiles everything first, then gives up what it does not need: memory beyond its share, processor time, files, core
dumps. Pictures come on standard input and answers go to what was standard output, in the form of :mod:`byleave.media.framing`.
"""

from __future__ import annotations

import json
import math
import os
import resource
import sys
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import numpy as np

from byleave.fingerprints import ClaimedPicture
from byleave.media import Picture, Unusable, UnusableKind
from byleave.media.decode import decode
from byleave.media.framing import (
    DESCRIBE,
    FINGERPRINT,
    PICTURES_PER_CHILD,
    BrokenMessageError,
    Facts,
    read_message,
    write_message,
)
from byleave.media.reading import fingerprint, read_claimed_picture, read_picture, thumbnail
from byleave.settings import Limits

OPEN_FILES = 64


def main() -> None:
    """Answer until standard input ends."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    limits = Limits(**json.loads(sys.argv[1]))
    requests = sys.stdin.buffer
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as answers:
        _discard_output()
        warm_up()
        give_up_rights(limits)
        write_message(answers, {"ready": True})
        with suppress(BrokenMessageError):
            serve(requests, answers, limits)


def serve(requests: BinaryIO, answers: BinaryIO, limits: Limits) -> None:
    """Answer one message after another; ends with :class:`BrokenMessageError` when there are no more."""
    while True:
        facts, parts = read_message(requests, most_bytes=limits.picture_bytes)
        _allow_processor_seconds(limits.picture_seconds)
        if facts["do"] == FINGERPRINT:
            reply, data = fingerprints(parts, limits, with_pixels=facts["pixels"])
        else:
            reply, data = answer(facts, parts[0], limits)
        write_message(answers, reply, data)


def answer(facts: Facts, encoded: bytes, limits: Limits) -> tuple[Facts, list[bytes]]:
    """Do what one message asks for and put the outcome into plain facts and bytes."""
    outcome: Picture | ClaimedPicture | Unusable
    try:
        if facts["do"] == DESCRIBE:
            outcome = read_picture(encoded, limits, facts["thumbnail_px"])
        else:
            outcome = read_claimed_picture(encoded, limits)
    except MemoryError:
        outcome = _out_of_memory()
    if isinstance(outcome, Unusable):
        return {"unusable": outcome.kind, "detail": outcome.detail}, []
    if isinstance(outcome, ClaimedPicture):
        return {"claimed": outcome.to_text()}, []
    return _facts_of(outcome), [outcome.rgb.tobytes(), outcome.thumbnail or b""]


def fingerprints(pictures: list[bytes], limits: Limits, *, with_pixels: bool) -> tuple[Facts, list[bytes]]:
    """Fingerprint some pictures in their order; ``with_pixels`` the working copies follow as parts."""
    found: list[Facts] = []
    copies: list[bytes] = []
    for encoded in pictures:
        try:
            decoded = decode(encoded, limits)
        except MemoryError:
            decoded = _out_of_memory()
        if isinstance(decoded, Unusable):
            found.append({"unusable": decoded.kind})
            continue
        seen = fingerprint(decoded.rgb)
        found.append(
            {
                "plain": seen.plain.hex(),
                "trimmed": seen.trimmed.hex(),
                "quality": seen.quality,
                "shape": list(decoded.rgb.shape),
            }
        )
        if with_pixels:
            copies.append(decoded.rgb.tobytes())
    return {"found": found}, copies


def warm_up() -> None:
    """Load and compile all that a picture may need, while files may still be written."""
    sample = np.zeros((8, 8, 3), np.uint8)
    fingerprint(sample)
    encoded = thumbnail(sample, 8)
    read_picture(encoded, Limits(), None)
    read_claimed_picture(encoded, Limits())


def give_up_rights(limits: Limits) -> None:
    """Set limits that cannot be raised again.

    Memory is counted from what is mapped now. macOS does not hold a process to its address space: there only time bounds it.
    """
    _limit(resource.RLIMIT_NOFILE, OPEN_FILES)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_CPU, PICTURES_PER_CHILD * _whole_seconds(limits.picture_seconds) + _seconds_used())
    mapped = _mapped_bytes()
    if mapped is not None:
        _limit(resource.RLIMIT_AS, mapped + limits.picture_memory_bytes)


def _limit(which: int, most: int) -> None:
    with suppress(ValueError, OSError):
        resource.setrlimit(which, (most, most))


def _allow_processor_seconds(seconds: float) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    soft = _seconds_used() + _whole_seconds(seconds)
    resource.setrlimit(
        resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard)
    )


def _whole_seconds(seconds: float) -> int:
    return math.ceil(seconds) + 1


def _seconds_used() -> int:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return math.ceil(used.ru_utime + used.ru_stime)


def _mapped_bytes() -> int | None:
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except (OSError, ValueError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def _discard_output() -> None:
    """Keep whatever a library might print away from the answers."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _out_of_memory() -> Unusable:
    return Unusable(UnusableKind.OUT_OF_MEMORY, "the picture needs more memory than one picture may take")


def _facts_of(picture: Picture) -> Facts:
    return {
        "width": picture.width,
        "height": picture.height,
        "format": picture.format,
        "plain": picture.fingerprint.plain.hex(),
        "trimmed": picture.fingerprint.trimmed.hex(),
        "quality": picture.fingerprint.quality,
        "shape": list(picture.rgb.shape),
        "creator": picture.creator,
        "rights": picture.rights,
    }


if __name__ == "__main__":
    main()
