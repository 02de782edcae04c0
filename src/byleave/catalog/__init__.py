"""The catalog: which samples datasets hold, found by words and by pictures. A folder per dataset, a Lance table in each."""

from byleave.catalog.info import DatasetInfo, SourceInfo
from byleave.catalog.ingest import IngestOptions, IngestReport, Progress
from byleave.catalog.queries import (
    Answer,
    BothQuery,
    Copy,
    Hit,
    HitKind,
    Page,
    PictureQuery,
    Query,
    Sample,
    WordsQuery,
)
from byleave.catalog.store import Catalog
from byleave.catalog.works import FoundWork

__all__ = [
    "Answer",
    "BothQuery",
    "Catalog",
    "Copy",
    "DatasetInfo",
    "FoundWork",
    "Hit",
    "HitKind",
    "IngestOptions",
    "IngestReport",
    "Page",
    "PictureQuery",
    "Progress",
    "Query",
    "Sample",
    "SourceInfo",
    "WordsQuery",
]
