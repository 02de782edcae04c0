"""Wrappers of a few lines for the loaders people train with. Each takes a :class:`~byleave.apply.deciding.Decider`.

None of them imports a loader's package; for torch see :mod:`byleave.apply.torch_dataset`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

import pyarrow as pa

from byleave.apply.deciding import Decider
from byleave.apply.inputs import DIGEST_NAMES, LINK_NAMES
from byleave.errors import FormatError

Sample = TypeVar("Sample")
Facts = tuple[str | bytes | None, str | bytes | None]
"""The link of a sample and the SHA-256 of its file, as far as they are known."""

AT_ONCE = 1024
"""Samples decided together: a decision costs about a microsecond then, and memory holds that many samples."""

_REMEDY = "pass facts=..., a function from a sample to its link and the SHA-256 of its file"


def kept(
    samples: Iterable[Sample],
    decider: Decider,
    *,
    facts: Callable[[Sample], Facts] | None = None,
    at_once: int = AT_ONCE,
) -> Iterator[Sample]:
    """Yield the samples that stay, in their order.

    Parameters
    ----------
    facts
        Gives the link of a sample and the SHA-256 of its file. Left out, samples are mappings with a link under ``url`` or ``image_url`` and
        perhaps a digest under ``sha256``, or with these in an object under ``json``, decoded or not, as img2dataset writes it.
    at_once
        How many samples are decided together.

    Raises
    ------
    FormatError
        If a sample is not of that shape.
    """
    read: Callable[[Sample], Facts] = facts if facts is not None else facts_of
    source = iter(samples)
    while batch := list(islice(source, at_once)):
        links, digests = zip(*(read(sample) for sample in batch), strict=True)
        stays = decider.keep_links(links, digests)
        yield from (sample for sample, keep in zip(batch, stays, strict=True) if keep)


def keeper(
    decider: Decider, *, facts: Callable[[Any], Facts] | None = None, at_once: int = AT_ONCE
) -> Callable[[Iterable[Any]], Iterator[Any]]:
    """Return a stage for ``webdataset``: ``WebDataset(...).compose(keeper(decider))``, before or after ``decode()``."""
    return _Keeper(decider, facts, at_once)


class _Keeper:
    """A stage as an object, which travels to the processes of a loader."""

    def __init__(self, decider: Decider, facts: Callable[[Any], Facts] | None, at_once: int) -> None:
        self._decider, self._facts, self._at_once = decider, facts, at_once

    def __call__(self, samples: Iterable[Any]) -> Iterator[Any]:
        return kept(samples, self._decider, facts=self._facts, at_once=self._at_once)


def keeps_columns(decider: Decider) -> Callable[[Mapping[str, Sequence[Any]]], list[bool]]:
    """Return a test of many rows for the package ``datasets``: ``dataset.filter(keeps_columns(decider), batched=True)``."""
    return _KeepsColumns(decider)


class _KeepsColumns:
    """A test as an object. Its state names release and choices, by which ``datasets`` tells results in its cache apart."""

    def __init__(self, decider: Decider) -> None:
        self._decider = decider

    def __call__(self, columns: Mapping[str, Sequence[Any]]) -> list[bool]:
        links, digests = (_first(columns, names) for names in (LINK_NAMES, DIGEST_NAMES))
        known = links if links is not None else digests
        if known is None:
            raise FormatError(
                "the rows have neither links nor digests of files",
                remedy="rename the column of links to 'url'",
            )
        return self._decider.keep_links(links if links is not None else [None] * len(known), digests)


def keeps_tables(decider: Decider) -> Callable[[pa.Table], pa.Table]:
    """Return a step for Ray Data: ``dataset.map_batches(keeps_tables(decider), batch_format="pyarrow")``.

    Every machine must find the synced folder at the path it was loaded from.
    """
    return _KeepsTables(decider)


class _KeepsTables:
    """A step as an object, which travels to the workers of a cluster."""

    def __init__(self, decider: Decider) -> None:
        self._decider = decider

    def __call__(self, table: pa.Table) -> pa.Table:
        return table.filter(self._decider.keep_mask(table))


def keeps_batches(decider: Decider) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Return a step for Spark: ``frame.mapInArrow(keeps_batches(decider), frame.schema)``.

    Every machine must find the synced folder at the path it was loaded from.
    """
    return _KeepsBatches(decider)


class _KeepsBatches:
    """A step as an object, which travels to the executors of a cluster."""

    def __init__(self, decider: Decider) -> None:
        self._decider = decider

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield batch.filter(self._decider.keep_mask(batch))


def facts_of(sample: Any) -> Facts:
    """Find link and digest in a sample that is a mapping, or in the object under its ``json``.

    Raises
    ------
    FormatError
        If the sample is none, or its ``json`` cannot be read.
    """
    fields = sample
    if isinstance(sample, Mapping) and "json" in sample:
        fields = sample["json"]
        if isinstance(fields, bytes | str):
            try:
                fields = json.loads(fields)
            except (ValueError, RecursionError) as error:
                raise FormatError("the json of a sample cannot be read", remedy=_REMEDY) from error
    if not isinstance(fields, Mapping):
        raise FormatError(f"a sample is no mapping but {type(fields).__name__}", remedy=_REMEDY)
    link, digest = (_first(fields, names) for names in (LINK_NAMES, DIGEST_NAMES))
    for value in (link, digest):
        if value is not None and not isinstance(value, str | bytes):
            raise FormatError(
                f"a sample has {type(value).__name__} where its link or digest should be", remedy=_REMEDY
            )
    return link, digest


def _first(fields: Mapping[Any, Any], names: Sequence[str]) -> Any:
    by_lower = {name.lower(): name for name in reversed(list(fields)) if isinstance(name, str)}
    return next((fields[by_lower[name]] for name in names if name in by_lower), None)
