"""A torch ``IterableDataset`` over another one, or over any iterable, without the samples that must go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from byleave.apply.deciding import Decider
from byleave.apply.loaders import AT_ONCE, Facts, kept
from byleave.errors import MissingExtraError

if TYPE_CHECKING:

    class IterableDataset:
        """What torch calls a dataset that is read from the front."""

else:
    try:
        from torch.utils.data import IterableDataset
    except ImportError as error:
        raise MissingExtraError("torch is not installed", remedy="install torch") from error


class KeptDataset(IterableDataset):
    """The samples of ``source`` that stay, in their order; see :func:`byleave.apply.loaders.kept`.

    Several workers of a ``DataLoader`` share the samples only if ``source`` deals them out by ``torch.utils.data.get_worker_info``.
    """

    def __init__(
        self,
        source: Iterable[Any],
        decider: Decider,
        *,
        facts: Callable[[Any], Facts] | None = None,
        at_once: int = AT_ONCE,
    ) -> None:
        super().__init__()
        self._source, self._decider, self._facts, self._at_once = source, decider, facts, at_once

    def __iter__(self) -> Iterator[Any]:
        return kept(self._source, self._decider, facts=self._facts, at_once=self._at_once)
