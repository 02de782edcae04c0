"""Apply a release to a dataset: compile it on this machine, match every row, write what may stay and say why the rest did not.

The package loads nothing heavy. ``Ruleset`` and ``Decider``, for use inside a training program, are loaded when they are first named;
:mod:`byleave.apply.run` applies to whole datasets, and :mod:`byleave.apply.loaders` holds wrappers for data loaders.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from byleave.apply.deciding import Decider, Decisions
    from byleave.apply.ruleset import Ruleset

__all__ = ["Decider", "Decisions", "Ruleset"]


def __getattr__(name: str) -> Any:
    """Load a public name when it is asked for."""
    if name == "Ruleset":
        from byleave.apply.ruleset import Ruleset

        return Ruleset
    if name in {"Decider", "Decisions"}:
        from byleave.apply import deciding

        return getattr(deciding, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
