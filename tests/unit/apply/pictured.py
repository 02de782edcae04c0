"""Datasets that hold pictures, their fingerprints, and lists that name some of them."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from tests.unit.apply.worlds import row
from tests.unit.media.pictures import encoded, photo

from byleave.apply.sidecars.finding import find_shards
from byleave.apply.sidecars.making import Made, Making, make_sidecar
from byleave.apply.sidecars.places import FolderPlace
from byleave.consent import TargetKind
from byleave.fingerprints import ClaimedPicture
from byleave.media import claimed_picture
from byleave.media.fingerprinting import Fingerprinter
from byleave.release.rows import Row
from byleave.settings import Limits

LIMITS = Limits()
BROKEN = b"\xff\xd8\xffno picture"


@cache
def picture(seed: int) -> bytes:
    """A small JPEG, the same for the same seed."""
    return encoded(photo(seed, (240, 180)))


@cache
def reposted(seed: int) -> bytes:
    """The same picture as somebody else stored it: smaller, in another quality and other bytes."""
    return encoded(photo(seed, (240, 180)).resize((200, 150), Image.Resampling.BICUBIC), quality=60)


@cache
def claimed(seed: int) -> ClaimedPicture:
    """What a claim stores of a picture."""
    found = claimed_picture(picture(seed), limits=LIMITS)
    assert isinstance(found, ClaimedPicture)
    return found


def picture_row(number: int, seed: int, *, ticked: bool = True) -> Row:
    """Claim ``number`` on a picture, whose values the list carries where they are ticked."""
    text = claimed(seed).to_text()
    return row(number, TargetKind.PICTURE, text, ticked=text if ticked else None)


def links_of(name: str, count: int) -> list[str]:
    """Links of the samples of one shard."""
    return [f"https://pictures.example/{name}/{place}" for place in range(count)]


def tar_shard(
    folder: Path, name: str, pictures: Sequence[bytes | None], *, parquet: bool = True, links: bool = True
) -> None:
    """Write a shard of img2dataset; a sample without a picture is one that failed to download."""
    folder.mkdir(parents=True, exist_ok=True)
    urls = links_of(name, len(pictures))
    keys = [f"{name}{place:04d}" for place in range(len(pictures))]
    with tarfile.open(folder / f"{name}.tar", "w") as archive:
        for key, url, content in zip(keys, urls, pictures, strict=True):
            if content is None:
                continue
            files = [("jpg", content)]
            if links:
                files.append(("json", json.dumps({"key": key, "url": url}).encode()))
            for suffix, data in files:
                entry = tarfile.TarInfo(f"{key}.{suffix}")
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
    if parquet:
        columns = {"url": pa.array(urls, pa.string()), "key": pa.array(keys, pa.string())}
        pq.write_table(pa.table(columns), folder / f"{name}.parquet")


def image_cells(path: Path, pictures: Sequence[bytes | None]) -> None:
    """Write Parquet as the package ``datasets`` does: pictures in a struct, and no links."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = pa.array(
        [{"bytes": content, "path": None} for content in pictures],
        pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
    )
    pq.write_table(pa.table({"image": cells, "label": range(len(pictures))}), path)


def fingerprinted(
    dataset: Path, to: Path, printer: Fingerprinter, model: str | None = None
) -> dict[str, Made]:
    """Make all sidecars of a dataset, and return what each is by the name of its shard."""
    made = {}
    for shard in find_shards(dataset, str(dataset)).shards:
        found = make_sidecar(shard, FolderPlace(to), Making(LIMITS, model), printer, lambda _: None)
        if isinstance(found, Made):
            made[shard.name] = found
    return made
