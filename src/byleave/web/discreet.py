"""What the server writes down about its own faults: where they happened and of which kind, never what somebody sent."""

from __future__ import annotations

import logging
import re
import sys
import threading
import traceback
from types import TracebackType
from typing import Final, TextIO

OURS: Final = "byleave"

_TELLING: Final = (
    re.compile(r"[^\s@'\"<>=]+@[^\s@'\"<>]+"),  # e-mail addresses
    re.compile(r"\b[a-zA-Z][a-zA-Z0-9+.-]*://\S+"),  # links
    re.compile(r"\b(?:[0-9]{1,3}\.){3}[0-9]{1,3}\b"),  # IPv4
    re.compile(r"(?<![0-9A-Za-z:.])(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{1,4}(?![0-9A-Za-z:.])"),  # IPv6
)
HIDDEN: Final = "[hidden]"


class Discreet(logging.Formatter):
    """Formats a report without anybody in it.

    Our own reports are written as they are, since we know what we put in. Of those of libraries only the fixed words are; of an
    exception its kind and the lines of code it went through, since its message may repeat what it met.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Write one report."""
        is_ours = record.name == OURS or record.name.startswith(f"{OURS}.")
        words = record.getMessage() if is_ours else str(record.msg)
        told = f"{record.levelname} {record.name}: {scrubbed(words)}"
        if record.exc_info and record.exc_info[0] is not None:
            told += "\n" + where(record.exc_info[0], record.exc_info[2])
        return told


def scrubbed(text: str) -> str:
    """Take e-mail addresses, links and network addresses out of a text."""
    for pattern in _TELLING:
        text = pattern.sub(HIDDEN, text)
    return text


def where(kind: type[BaseException], trace: TracebackType | None) -> str:
    """Name an exception's kind and the lines of code that led to it, and not its message."""
    return "".join(traceback.format_tb(trace)) + f"{kind.__module__}.{kind.__qualname__}"


def be_discreet(stream: TextIO | None = None) -> None:
    """Have everything that this process reports from now on written this way, by whatever library and thread."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(Discreet())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.captureWarnings(True)
    threading.excepthook = _thread_ended


def _thread_ended(args: threading.ExceptHookArgs) -> None:
    error = (args.exc_type, args.exc_value or args.exc_type(), args.exc_traceback)
    logging.getLogger(f"{OURS}.web").error("a thread ended by a fault", exc_info=error)
