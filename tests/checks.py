"""Checks whose no is an exception, as answers a test can assert."""

from __future__ import annotations

from collections.abc import Callable

from byleave.errors import ByleaveError


def accepts(check: Callable[..., object], *given: object) -> bool:
    """Whether a check lets through what it is given."""
    try:
        check(*given)
    except ByleaveError:
        return False
    return True
