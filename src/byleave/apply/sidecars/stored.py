"""Sidecars that stand as objects: each is read once by a worker before the run, and fetched again by whoever works on its shard."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from byleave.apply.engine import Engine, Rows
from byleave.apply.forms.units import Unit
from byleave.apply.inputs import InputFile
from byleave.apply.sidecars.file import MAKE_AGAIN, SIDECAR_FOLDER, SidecarFacts, read_facts, sidecar_name
from byleave.apply.sidecars.seeing import Fitting, Sidecars, may_have_sidecar
from byleave.errors import VerificationError
from byleave.storage.objects import ObjectFolder, Stored
from byleave.storage.scratch import scratch_folder


@dataclass(frozen=True, slots=True)
class StoredSidecars:
    """Those that were held to the input, by the names of their shards, each with its SHA-256 (hex); see :class:`Sidecars`. It travels to workers."""

    folder: ObjectFolder
    stored: Mapping[str, tuple[Stored, str]]
    facts: tuple[SidecarFacts, ...]
    sha256: str

    @contextmanager
    def here(self, name: str) -> Iterator[Sidecars]:
        """Fetch that of one shard to this machine.

        Raises
        ------
        VerificationError
            If it is not what was read before.
        """
        with scratch_folder() as scratch:
            paths = {}
            if name in self.stored:
                stored, digest = self.stored[name]
                paths[name] = scratch / "sidecar.parquet"
                if self.folder.fetch(stored, paths[name]) != digest:
                    raise VerificationError(f"{self.folder}/{stored.name} has changed", remedy=MAKE_AGAIN)
            yield Sidecars(paths, self.facts, self.sha256)


@dataclass(frozen=True, slots=True)
class FactsWork:
    """Work that reads sidecars and returns of each its SHA-256 (hex) and what it says of itself."""

    folder: ObjectFolder

    def begin(self) -> Callable[[Stored, Rows], tuple[str, SidecarFacts]]:
        """Return what reads one."""
        return self._read

    def _read(self, stored: Stored, progress: Rows) -> tuple[str, SidecarFacts]:
        with scratch_folder() as scratch:
            path = scratch / stored.name.replace("/", "_")
            digest = self.folder.fetch(stored, path)
            facts = read_facts(path)
        progress(1)
        return digest, facts


def open_stored(
    address: ObjectFolder, parts: Iterable[InputFile | Unit], fitting: Fitting, engine: Engine
) -> StoredSidecars:
    """Open the sidecars of an input's parts below an address, or below that of a dataset with them beside its shards.

    Raises as :func:`byleave.apply.sidecars.seeing.open_sidecars` does.
    """
    folder = ObjectFolder.of(f"{address}/{SIDECAR_FOLDER}")
    if next(folder.listed(), None) is None:
        folder = address
    standing = {one.name: one for one in folder.listed()}
    having = [part for part in parts if may_have_sidecar(part) and sidecar_name(part.name) in standing]
    wanted = [standing[sidecar_name(part.name)] for part in having]
    read = dict(engine.run(FactsWork(folder), wanted, lambda _: None))
    for place, part in enumerate(having):
        digest, told = read[place]
        fitting.take(part, told, digest, f"{folder}/{wanted[place].name}")
    stored = {part.name: (wanted[place], read[place][0]) for place, part in enumerate(having)}
    return StoredSidecars(folder, stored, *fitting.found(str(address)))
