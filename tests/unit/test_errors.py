"""Every error says what to try next, and leaves with a code of its own."""

from __future__ import annotations

import pytest

from byleave import errors
from byleave.errors import ByleaveError


def tree(root: type[ByleaveError] = ByleaveError) -> list[type[ByleaveError]]:
    return [
        root,
        *(
            leaf
            for child in root.__subclasses__()
            if child.__module__ == errors.__name__
            for leaf in tree(child)
        ),
    ]


@pytest.mark.parametrize("kind", tree())
def test_an_error_cannot_be_made_without_a_remedy(kind: type[ByleaveError]) -> None:
    with pytest.raises(TypeError):
        kind("broken")  # type: ignore[call-arg]  # the remedy is what is missed
    assert str(kind("broken", remedy="mend it")) == "broken\nhint: mend it"


def test_the_tree_drawn_in_the_module_is_the_tree() -> None:
    drawn = errors.__doc__ or ""
    for kind in tree():
        line = next(
            line
            for line in drawn.splitlines()
            if f" {kind.__name__} " in f" {line.strip('│├└─ ')} ".replace("  ", " ")
        )
        assert f"exit {kind.exit_code}, HTTP {kind.http_status}" in line


def test_a_reader_of_exit_codes_can_tell_the_branches_apart() -> None:
    branches: list[type[ByleaveError]] = [ByleaveError, *ByleaveError.__subclasses__()]
    ours = [kind for kind in branches if kind.__module__ == errors.__name__]
    assert sorted(kind.exit_code for kind in ours) == list(range(1, len(ours) + 1))
