"""A rule for the package ``datadiligence`` that asks the list on this machine, and nobody over the network.

::

    evaluator = PreprocessEvaluator()
    evaluator.add_rule(ByleaveRule(Ruleset.load("registry").decider(regime="opt_out", uses=["train_gen"])))
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from byleave.apply.deciding import Decider
from byleave.errors import InputError, MissingExtraError

if TYPE_CHECKING:

    class BulkRule:
        """What the package calls a rule that is asked about many links at once."""

else:
    try:
        from datadiligence.rules import BulkRule
    except ImportError as error:
        raise MissingExtraError(
            "the package datadiligence is not installed", remedy="install datadiligence"
        ) from error


class ByleaveRule(BulkRule):
    """Allows the links that stay. A link that cannot be read is not allowed."""

    def __init__(self, decider: Decider) -> None:
        super().__init__()
        self._decider = decider

    def is_ready(self) -> bool:
        """Say that the rule answers: the list was verified when the decider was made."""
        return True

    def is_allowed(
        self, urls: Sequence[str] | None = None, url: str | None = None, **_: Any
    ) -> list[bool] | bool:
        """Say for each link whether it is allowed; for a single ``url`` say so of it alone."""
        if urls is None:
            return self._decider.keep_links(_asked(urls, url))[0]
        return self._decider.keep_links(urls)

    def filter_allowed(
        self, urls: Sequence[str] | None = None, url: str | None = None, **_: Any
    ) -> list[str]:
        """Return the links that are allowed, in their order."""
        asked = _asked(urls, url)
        return [one for one, keep in zip(asked, self._decider.keep_links(asked), strict=True) if keep]


def _asked(urls: Sequence[str] | None, url: str | None) -> Sequence[str]:
    if urls is not None:
        return urls
    if url is None:
        raise InputError("no link was given", remedy="pass urls=[...] or url=...")
    return [url]
