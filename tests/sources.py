"""Small real datasets for tests: pictures, Parquet of links, output of img2dataset, folders with sidecars."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image


def jpeg(seed: int, *, side: int = 96) -> bytes:
    """Draw a picture that differs clearly from that of every other seed."""
    blocks = np.random.default_rng(seed).integers(0, 255, (6, 6, 3), dtype=np.uint8)
    return encode(Image.fromarray(blocks).resize((side, side), Image.Resampling.BICUBIC), "JPEG")


def encode(image: Image.Image, kind: str) -> bytes:
    """Encode a picture."""
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()


def write_links(path: Path, rows: Sequence[Mapping[str, Any]], *, group_rows: int = 1_000_000) -> Path:
    """Write a Parquet file in which a column's type follows from its values."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    table = pa.table({name: [row.get(name) for row in rows] for name in names})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, row_group_size=group_rows)
    return path


def links(numbers: Sequence[int], *, host: str = "pictures.example") -> list[dict[str, Any]]:
    """Make LAION-like rows."""
    return [
        {"URL": f"https://{host}/{n}.jpg", "TEXT": f"picture number {n}", "WIDTH": 96.0, "similarity": 0.3}
        for n in numbers
    ]


def write_tar(path: Path, members: Sequence[tuple[str, bytes]]) -> Path:
    """Write members into a tar, in order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, content in members:
            header = tarfile.TarInfo(name)
            header.size = len(content)
            archive.addfile(header, io.BytesIO(content))
    return path


def sample_members(number: int, *, shard: int = 0) -> list[tuple[str, bytes]]:
    """Make the members img2dataset writes for one picture."""
    key = f"{shard:05d}{number:04d}"
    fields = {
        "url": f"https://pictures.example/{number}.jpg",
        "caption": f"picture number {number}",
        "key": key,
        "status": "success",
        "error_message": None,
        "width": 96,
        "height": 96,
    }
    return [
        (f"{key}.jpg", jpeg(number)),
        (f"{key}.json", json.dumps(fields).encode()),
        (f"{key}.txt", f"picture number {number}".encode()),
    ]


def write_folder(path: Path, numbers: Sequence[int]) -> Path:
    """Write pictures with their links and captions beside them."""
    path.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        fields = {"url": f"https://pictures.example/{number}.jpg", "caption": f"picture number {number}"}
        (path / f"{number}.jpg").write_bytes(jpeg(number))
        (path / f"{number}.json").write_text(json.dumps(fields))
    return path
