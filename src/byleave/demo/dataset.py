"""Write the demo's dataset: a folder of links as LAION publishes them, and a folder of the pictures behind them.

The two name the same entries. Links are ingested first and pictures later, and land on the same sample keys, because link
and caption are the same in both.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from byleave.demo.drawing import DrawingPool
from byleave.demo.drawings import Collection
from byleave.demo.entries import Entry, RepostKind, original_entry, original_urls
from byleave.demo.links import read_links, row_of, write_links
from byleave.demo.originals import choose
from byleave.demo.reposts import SEED, reposts
from byleave.errors import FormatError
from byleave.storage import remove_leftovers, staged_folder

ORIGINALS = 2_000
REPOSTS = 600
REPOST_SHARE = 0.3
FACTS = "facts.json"


@dataclass(frozen=True, slots=True)
class DemoDataset:
    """The dataset on disk and the truth about it.

    links, pictures
        The two folders to ingest.
    wanted
        Number of originals asked for, and the seed; there may be fewer originals where the drawings ran out.
    entries
        Every entry in the order of the links: originals, then re-posts.
    left_out
        Reason → number of drawings that were not taken for it.
    """

    links: Path
    pictures: Path
    wanted: tuple[int, int]
    source: str
    credit: str
    remarks: tuple[str, ...]
    left_out: Counter[str]
    entries: tuple[Entry, ...]

    @property
    def originals(self) -> tuple[Entry, ...]:
        return tuple(entry for entry in self.entries if entry.repost_of is None)

    def reposts_of(self, original: Entry) -> tuple[Entry, ...]:
        """Return the simulated re-posts of one original, at most one of each kind."""
        return tuple(entry for entry in self.entries if entry.repost_of == original.url)

    def picture(self, entry: Entry) -> Path:
        """Return the file of one entry."""
        return self.pictures / entry.file

    def count_by_kind(self) -> Counter[RepostKind]:
        """Count the re-posts of each kind."""
        return Counter(entry.repost_kind for entry in self.entries if entry.repost_kind is not None)


def reposts_for(originals: int) -> int:
    """Settle how many re-posts go with so many originals: three in ten, all kinds of each, at most 600."""
    kinds = len(RepostKind)
    return min(REPOSTS, round(originals * REPOST_SHARE / kinds) * kinds)


def write(
    folder: Path,
    collection: Collection,
    *,
    size: int = ORIGINALS,
    seed: int = SEED,
    tell: Callable[[int], None] = lambda _: None,
) -> DemoDataset:
    """Draw, re-post and write everything into ``folder``, which appears at once when all is done.

    ``size`` is the number of originals wanted; a collection with fewer gives what it has. ``tell`` hears how many are done.
    """
    with DrawingPool() as pool:
        chosen = choose(collection, size, pool, tell=tell)
    urls = original_urls([drawn.drawing for drawn in chosen.pictures])
    originals = [
        (original_entry(drawn.drawing, url, drawn.size), drawn.jpeg)
        for drawn, url in zip(chosen.pictures, urls, strict=True)
    ]
    entries: list[Entry] = []
    remove_leftovers(folder.parent, folder.name)
    with staged_folder(folder, replace=True) as staging:
        for entry, jpeg in _all(originals, seed):
            _write_picture(staging / "pictures", entry, jpeg)
            entries.append(entry)
        write_links(staging / "links", entries)
        _write_facts(staging / FACTS, collection, chosen.left_out, wanted=(size, seed))
    return read(folder)


def _all(originals: Sequence[tuple[Entry, bytes]], seed: int) -> Iterator[tuple[Entry, bytes]]:
    yield from originals
    yield from reposts(originals, reposts_for(len(originals)), seed=seed)


def read(folder: Path) -> DemoDataset:
    """Read what :func:`write` wrote.

    Raises
    ------
    FormatError
        If the folder is not complete or was written by another version.
    """
    try:
        facts = json.loads((folder / FACTS).read_bytes())
        return DemoDataset(
            links=folder / "links",
            pictures=folder / "pictures",
            wanted=(int(facts["wanted"][0]), int(facts["wanted"][1])),
            source=facts["source"],
            credit=facts["credit"],
            remarks=tuple(facts["remarks"]),
            left_out=Counter(facts["left_out"]),
            entries=tuple(read_links(folder / "links")),
        )
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise FormatError(
            f"{folder} holds no demo dataset: {error}", remedy=f"remove {folder} and start again"
        ) from error


def _write_picture(pictures: Path, entry: Entry, jpeg: bytes) -> None:
    file = pictures / entry.file
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(jpeg)
    fields = {name.lower(): value for name, value in row_of(entry).items()}
    sidecar = {"caption": fields.pop("text"), **fields}
    file.with_suffix(".json").write_text(json.dumps(sidecar, ensure_ascii=False, indent=1), "utf-8")


def _write_facts(
    file: Path, collection: Collection, left_out: Counter[str], *, wanted: tuple[int, int]
) -> None:
    facts = {
        "wanted": wanted,
        "source": collection.source,
        "credit": collection.credit,
        "remarks": collection.remarks,
        "left_out": dict(sorted(left_out.items())),
    }
    file.write_text(json.dumps(facts, ensure_ascii=False, indent=1), "utf-8")
