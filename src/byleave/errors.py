"""The exception tree: every error says what happened and the one thing to try next.

::

    ByleaveError            exit 1, HTTP 500
    ├── InputError          exit 2, HTTP 400   the caller gave us something we cannot use
    │   ├── FormatError     exit 2, HTTP 400   bytes or text that are not what they should be
    │   └── NotFoundError   exit 2, HTTP 404   a named thing does not exist here
    ├── RefusedError        exit 3, HTTP 403   understood, and not allowed
    ├── ConflictError       exit 4, HTTP 409   somebody else holds it, or the state forbids the step
    ├── VerificationError   exit 5, HTTP 422   a signature, digest or order does not hold: never "allowed"
    ├── UnavailableError    exit 6, HTTP 503   a service or file we need cannot be reached now
    └── MissingExtraError   exit 7, HTTP 501   an optional part of Byleave is not installed
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from json import JSONDecodeError

MAX_REASON_CHARS = 200
"""How much of a reason is repeated: it may quote what somebody else wrote."""


_OBEYED = re.compile(
    r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""Control characters except the end of a line, what turns the direction of writing, other ends of lines, and what no terminal can be sent."""


class ByleaveError(Exception):
    """Base class: what went wrong, and the one thing to try next.

    ``exit_code`` is what the command line leaves with and ``http_status`` what the site answers.
    """

    exit_code = 1
    http_status = 500

    def __init__(self, problem: str, *, remedy: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.problem}\nhint: {self.remedy}"


class InputError(ByleaveError):
    """The caller gave us something we cannot use."""

    exit_code = 2
    http_status = 400


class FormatError(InputError):
    """Bytes or text that are not what they should be."""


class NotFoundError(InputError):
    """A named thing does not exist here."""

    http_status = 404


class RefusedError(ByleaveError):
    """The request was understood and is not allowed."""

    exit_code = 3
    http_status = 403


class ConflictError(ByleaveError):
    """Somebody else holds the thing, or its state forbids this step."""

    exit_code = 4
    http_status = 409


class VerificationError(ByleaveError):
    """A signature, digest, order or age does not hold. Never read as "allowed"."""

    exit_code = 5
    http_status = 422


class UnavailableError(ByleaveError):
    """A service or file we need cannot be reached now."""

    exit_code = 6
    http_status = 503


class MissingExtraError(ByleaveError):
    """An optional part of Byleave is not installed."""

    exit_code = 7
    http_status = 501


class UnfitError(ValueError):
    """A part of somebody else's bytes is not as it must be, said in words for whoever reads the :class:`FormatError` that is made of it."""


def harmless(text: str) -> str:
    """Return text in which whatever a terminal would obey is spelt out, as JSON does it: it may quote what somebody else wrote."""
    return _OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def on_one_line(text: str) -> str:
    """Return text that is harmless and begins no further line: what it quotes could pass for a line of ours."""
    return harmless(text).replace("\n", "\\u000a")


@contextmanager
def as_format_error(problem: str, *, remedy: str) -> Iterator[None]:
    """Tell whatever goes wrong while somebody else's bytes are taken apart as a :class:`FormatError`, the reason behind ``problem``.

    Meant for parsed JSON and TOML: a member that is missing or of another type, a number out of range, endless nesting.
    """
    try:
        yield
    except (
        InputError,
        KeyError,
        ValueError,
        TypeError,
        AttributeError,
        OverflowError,
        RecursionError,
    ) as error:
        raise FormatError(f"{problem}: {_in_plain_words(error)[:MAX_REASON_CHARS]}", remedy=remedy) from error


def _in_plain_words(error: Exception) -> str:
    """Say what is wrong with somebody else's bytes: in our own words, where there are some, and never in those that Python has for programmers."""
    match error:
        case InputError():
            return error.problem
        case KeyError():
            return f"{error.args[0]} is missing"
        case UnicodeDecodeError():
            return "it is not UTF-8 text"
        case JSONDecodeError():
            return f"it is not JSON, from line {error.lineno}, column {error.colno} on"
        case RecursionError():
            return "it is nested too deeply"
        case OverflowError():
            return "a number in it is out of range"
        case UnfitError():
            return str(error)
        case ValueError():
            return "a value in it is not of the form that it should have"
        case _:
            return "a part of it is of another kind than it should be"
