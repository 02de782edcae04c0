"""One small dataset in every form, made as the packages that write these forms make it, and read back for its links."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

LINKS = [f"http://{'ab'[number % 3 > 0]}.example/{number}" for number in range(24)]
REFUSED = "a.example"
FREE = [link for link in LINKS if REFUSED not in link]
FAILED = {4, 6, 7}
"""Rows whose picture could not be fetched: 4 and 7 stay, 6 is refused."""


@dataclass(frozen=True, slots=True)
class Form:
    """How a dataset is made below a folder, and how its links are read again; ``rows`` names the files that rows are listed under."""

    name: str
    make: Callable[[Path], None]
    read: Callable[[Path], list[str]]
    rows: tuple[str, ...]


def fields(number: int) -> dict[str, Any]:
    """Return what a downloader knows of a sample."""
    failed = number in FAILED
    return {
        "url": LINKS[number],
        "caption": f'words, "{number}"\n',
        "key": f"{number:09d}",
        "status": "failed_to_download" if failed else "success",
        "error_message": "HTTP Error 404" if failed else None,
    }


def add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    """Add a file to an archive."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    tar.addfile(info, io.BytesIO(content))


def write_tar(path: Path, numbers: Sequence[int], *, kind: int = tarfile.GNU_FORMAT) -> None:
    """Write a shard as webdataset does."""
    with tarfile.open(path, "w", format=kind) as tar:
        for number in numbers:
            key = f"{number:09d}"
            add(tar, f"{key}.jpg", f"picture {number}".encode() * 100)
            add(tar, f"{key}.txt", b"words")
            add(tar, f"{key}.json", json.dumps(fields(number), indent=4).encode())


def read_tar(path: Path) -> list[str]:
    """Return the links in an archive, whose samples must be whole."""
    with tarfile.open(path) as tar:
        found = {member.name: tar.extractfile(member) for member in tar}
        for name, file in found.items():
            if name.endswith(".jpg"):
                assert file is not None
                assert file.read() == f"picture {int(name[:9])}".encode() * 100
        return [json.load(file)["url"] for name, file in found.items() if name.endswith(".json") and file]


def _img2dataset(folder: Path) -> None:
    folder.mkdir()
    write_tar(folder / "00000.tar", [n for n in range(24) if n not in FAILED])
    pq.write_table(pa.Table.from_pylist([fields(n) for n in range(24)]), folder / "00000.parquet")
    statistics = {
        "count": 24, "successes": 21, "failed_to_download": 3, "failed_to_resize": 0, "duration": 1.5,
        "start_time": 1.0, "end_time": 2.5, "status_dict": {"success": 21, "HTTP Error 404": 3},
    }  # fmt: skip
    (folder / "00000_stats.json").write_text(json.dumps(statistics, indent=4))


def _read_img2dataset(folder: Path) -> list[str]:
    table = pq.read_table(folder / "00000.parquet")
    inside = read_tar(folder / "00000.tar")
    good = [row["url"] for row in table.to_pylist() if row["status"] == "success"]
    assert inside == good
    statistics = json.loads((folder / "00000_stats.json").read_text())
    assert (statistics["count"], statistics["successes"]) == (table.num_rows, len(good))
    assert statistics["failed_to_download"] == statistics["status_dict"].get("HTTP Error 404", 0)
    assert statistics["status_dict"].get("success", 0) == len(good)
    links: list[str] = table["url"].to_pylist()
    return links


def _tar_alone(folder: Path) -> None:
    folder.mkdir()
    write_tar(folder / "a.tar", range(24), kind=tarfile.PAX_FORMAT)


def _clip_retrieval(folder: Path) -> None:
    for name in ("metadata", "img_emb", "text_emb"):
        (folder / name).mkdir(parents=True)
    for part, numbers in enumerate((range(10), range(10, 24))):
        rows = [{"image_path": f"{n:09d}", "caption": "words", "url": LINKS[n]} for n in numbers]
        pq.write_table(pa.Table.from_pylist(rows), folder / "metadata" / f"metadata_{part}.parquet")
        for kind, dtype in (("img_emb", np.float16), ("text_emb", np.float32)):
            values = np.repeat(np.array(numbers, dtype)[:, None], 4, axis=1)
            np.save(folder / kind / f"{kind}_{part}.npy", values)


def _read_clip_retrieval(folder: Path) -> list[str]:
    links: list[str] = []
    for part in range(2):
        found = pq.read_table(folder / "metadata" / f"metadata_{part}.parquet")["url"].to_pylist()
        for kind, dtype in (("img_emb", np.float16), ("text_emb", np.float32)):
            values = np.load(folder / kind / f"{kind}_{part}.npy")
            assert values.dtype == dtype
            assert [LINKS[int(value)] for value in values[:, 3]] == found
            assert values.shape == (len(found), 4)
        links += found
    return links


def _jsonl(folder: Path) -> None:
    folder.mkdir()
    lines = [json.dumps({"TEXT": "w", "URL": link, "n": [number]}) for number, link in enumerate(LINKS)]
    (folder / "links.jsonl").write_text("\n".join(lines) + "\n\n")


def _csv(folder: Path) -> None:
    folder.mkdir()
    with (folder / "links.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["caption", "url"])
        writer.writerows(['two\nlines, "quoted"', link] for link in LINKS)


def _read_csv(folder: Path) -> list[str]:
    with (folder / "links.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["caption"] for row in rows} <= {'two\nlines, "quoted"'}
    return [row["url"] for row in rows]


def _txt(folder: Path) -> None:
    folder.mkdir()
    with gzip.open(folder / "links.txt.gz", "wt", newline="") as file:
        file.write("\r\n".join(LINKS))


def _read_txt(folder: Path) -> list[str]:
    return gzip.decompress((folder / "links.txt.gz").read_bytes()).decode().split()


def _saved(folder: Path) -> None:
    (folder / "train").mkdir(parents=True)
    schema = pa.schema({"url": pa.string(), "place": pa.int64()}, metadata={"huggingface": "{}"})
    names = [f"data-0000{part}-of-00002.arrow" for part in range(2)]
    for name, numbers in zip(names, (range(9), range(9, 24)), strict=True):
        with pa.ipc.new_stream(str(folder / "train" / name), schema) as writer:
            table = pa.table({"url": [LINKS[n] for n in numbers], "place": list(numbers)}, schema=schema)
            writer.write_table(table, max_chunksize=4)
    state = {
        "_data_files": [{"filename": name} for name in names],
        "_fingerprint": "0" * 16,
        "_split": "train",
    }
    (folder / "train" / "state.json").write_text(json.dumps(state))
    splits = {"train": {"name": "train", "num_bytes": 9, "num_examples": 24, "shard_lengths": [9, 15]}}
    info = {"features": {}, "splits": splits, "dataset_size": 9, "download_size": 1, "size_in_bytes": 10}
    (folder / "train" / "dataset_info.json").write_text(json.dumps(info))
    (folder / "dataset_dict.json").write_text('{"splits": ["train"]}')


def _read_saved(folder: Path) -> list[str]:
    links: list[str] = []
    lengths = []
    state = json.loads((folder / "train" / "state.json").read_text())
    for entry in state["_data_files"]:
        with pa.ipc.open_stream(str(folder / "train" / entry["filename"])) as stream:
            table = stream.read_all()
        assert table.schema.metadata == {b"huggingface": b"{}"}
        assert [LINKS[place] for place in table["place"].to_pylist()] == table["url"].to_pylist()
        links += table["url"].to_pylist()
        lengths.append(table.num_rows)
    told = json.loads((folder / "train" / "dataset_info.json").read_text())["splits"]["train"]
    assert (told["num_examples"], told["shard_lengths"]) == (sum(lengths), lengths)
    assert json.loads((folder / "dataset_dict.json").read_text()) == {"splits": ["train"]}
    return links


def _mds(folder: Path) -> None:
    folder.mkdir()
    shards = []
    for part, numbers in enumerate((range(5), range(5, 24))):
        samples = []
        for n in numbers:
            link = LINKS[n].encode()
            samples.append(np.array([len(link)], "<u4").tobytes() + n.to_bytes(8, "little") + link)
        described = json.dumps({"column_names": ["place", "url"]}).encode()
        begin = 4 * (len(samples) + 2) + len(described)
        places = begin + np.cumsum([0, *map(len, samples)])
        content = np.array([len(samples), *places], "<u4").tobytes() + described + b"".join(samples)
        name = f"shard.0000{part}.mds"
        (folder / name).write_bytes(content)
        shards.append({
            "column_encodings": ["int", "str"], "column_names": ["place", "url"], "column_sizes": [8, None],
            "compression": None, "format": "mds", "hashes": ["sha1"], "samples": len(samples), "size_limit": 67108864,
            "raw_data": {"basename": name, "bytes": len(content), "hashes": {"sha1": _sha1(content)}},
            "version": 2, "zip_data": None,
        })  # fmt: skip
    (folder / "index.json").write_text(json.dumps({"shards": shards, "version": 2}, sort_keys=True))


def _sha1(content: bytes) -> str:
    return hashlib.sha1(content).hexdigest()


def _read_mds(folder: Path) -> list[str]:
    links: list[str] = []
    for entry in json.loads((folder / "index.json").read_text())["shards"]:
        content = (folder / entry["raw_data"]["basename"]).read_bytes()
        assert entry["raw_data"]["bytes"] == len(content)
        assert entry["raw_data"]["hashes"] == {"sha1": _sha1(content)}
        count = int.from_bytes(content[:4], "little")
        assert count == entry["samples"]
        places = np.frombuffer(content[4 : 4 * (count + 2)], "<u4").tolist()
        assert places[-1] == len(content)
        assert content[4 * (count + 2) : places[0]] == json.dumps({"column_names": ["place", "url"]}).encode()
        for begin, end in pairwise(places):
            link = content[begin + 12 : end].decode()
            assert LINKS[int.from_bytes(content[begin + 4 : begin + 12], "little")] == link
            links.append(link)
    return links


def _lance(folder: Path) -> None:
    import lance

    folder.mkdir()
    table = pa.table({"url": LINKS, "place": list(range(24))})
    lance.write_dataset(table, str(folder / "links.lance"), max_rows_per_file=10)


def _read_lance(folder: Path) -> list[str]:
    import lance

    table = lance.dataset(str(folder / "links.lance")).to_table()
    assert [LINKS[place] for place in table["place"].to_pylist()] == table["url"].to_pylist()
    links: list[str] = table["url"].to_pylist()
    return links


def _read_jsonl(folder: Path) -> list[str]:
    return [json.loads(line)["URL"] for line in (folder / "links.jsonl").read_text().split("\n") if line]


FORMS = (
    Form("img2dataset", _img2dataset, _read_img2dataset, ("00000.parquet",)),
    Form("tar", _tar_alone, lambda folder: read_tar(folder / "a.tar"), ("a.tar",)),
    Form(
        "clip-retrieval",
        _clip_retrieval,
        _read_clip_retrieval,
        tuple(f"metadata/metadata_{n}.parquet" for n in range(2)),
    ),
    Form("jsonl", _jsonl, _read_jsonl, ("links.jsonl",)),
    Form("csv", _csv, _read_csv, ("links.csv",)),
    Form("txt", _txt, _read_txt, ("links.txt.gz",)),
    Form("saved", _saved, _read_saved, tuple(f"train/data-0000{n}-of-00002.arrow" for n in range(2))),
    Form("mds", _mds, _read_mds, tuple(f"shard.0000{n}.mds" for n in range(2))),
    Form("lance", _lance, _read_lance, ("links.lance",)),
)
