"""One dataset on disk: its folder, what ``dataset.json`` says, and its table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from byleave.catalog.info import DatasetInfo
from byleave.catalog.table import SampleTable

TABLE_NAME = "samples.lance"


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset of the catalog."""

    folder: Path
    info: DatasetInfo

    @property
    def name(self) -> str:
        return self.info.name

    @property
    def table(self) -> SampleTable:
        """The table of its samples."""
        return SampleTable(self.folder / TABLE_NAME)
