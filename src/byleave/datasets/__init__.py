"""Formats in: Parquet of links, output of img2dataset, folders of pictures. Bytes become records; nothing is decoded."""

from byleave.datasets.records import JSON, Record, Reject, Shard, canonical_json, mend
from byleave.datasets.sources import Source, SourceFormat, detect, open_source, source_digest
from byleave.storage import OWN_FOLDER

__all__ = [
    "JSON",
    "OWN_FOLDER",
    "Record",
    "Reject",
    "Shard",
    "Source",
    "SourceFormat",
    "canonical_json",
    "detect",
    "mend",
    "open_source",
    "source_digest",
]
