"""The unmodified img2dataset downloads a cleaned list and never asks for what was taken out; its own output is cleaned and stays valid.

It wants older versions of packages than we do, so it is looked for as a command, installed in an environment of its own.
"""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from tests.unit.apply.worlds import NOW, request, row, synced

from byleave.apply.run import apply_ruleset
from byleave.consent import TargetKind

COMMAND = shutil.which("img2dataset")

pytestmark = [
    pytest.mark.conformance,
    pytest.mark.skipif(COMMAND is None, reason="the command img2dataset is not installed"),
]
ROWS = 12


class Server(ThreadingHTTPServer):
    """Serves pictures, and remembers what was asked for."""

    asked: list[str]


class Pictures(BaseHTTPRequestHandler):
    """Answers each path with a picture, and every fifth with 404."""

    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        number = int(self.path.rpartition("/")[2].removesuffix(".png"))
        content = io.BytesIO()
        Image.new("RGB", (40, 30), (number, 0, 0)).save(content, "PNG")
        self.send_response(404 if number % 5 == 4 else 200)
        self.end_headers()
        self.wfile.write(content.getvalue())

    def log_message(self, format: str, *arguments: object) -> None:
        """Keep quiet."""


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server(("127.0.0.1", 0), Pictures)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def links(server: Server, tmp_path: Path) -> list[str]:
    """Give links to the server, every third of which is refused."""
    address = f"http://127.0.0.1:{server.server_port}"
    found = [f"{address}/{'refused' if n % 3 == 0 else 'free'}/{n}.png" for n in range(ROWS)]
    synced(tmp_path, [row(n + 1, TargetKind.URL, link) for n, link in enumerate(found) if "refused" in link])
    return found


def download(url_list: Path, kind: str, out: Path) -> None:
    assert COMMAND is not None
    words = {
        "url_list": str(url_list), "input_format": kind, "output_folder": str(out), "output_format": "webdataset",
        "processes_count": "1", "thread_count": "4", "image_size": "32", "number_sample_per_shard": "100",
    }  # fmt: skip
    subprocess.run(
        [COMMAND, *(f"--{name}={value}" for name, value in words.items())],
        check=True,
        capture_output=True,
        timeout=180,
    )


def inside(path: Path) -> list[str]:
    with tarfile.open(path) as tar:
        files = [tar.extractfile(member) for member in tar if member.name.endswith(".json")]
        return [json.load(file)["url"] for file in files if file is not None]


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_a_cleaned_folder_is_downloaded_as_it_is(
    server: Server, links: list[str], tmp_path: Path, kind: str
) -> None:
    data = tmp_path / "data" / "links"
    data.mkdir(parents=True)
    if kind == "parquet":
        pq.write_table(pa.table({"url": links}), data / "links.parquet")
    else:
        (data / "links.csv").write_text("".join(f"{one}\n" for one in ["url", *links]))
    apply_ruleset(request(tmp_path, tmp_path / "data"), NOW)
    download(tmp_path / "out" / "links", kind, tmp_path / "pictures")
    assert sorted(server.asked) == sorted(link[link.index("/free") :] for link in links if "free" in link)
    assert pq.read_table(tmp_path / "pictures" / "00000.parquet").num_rows == len(server.asked)


def test_its_own_output_is_cleaned_and_still_agrees_with_itself(links: list[str], tmp_path: Path) -> None:
    (tmp_path / "links.txt").write_text("\n".join(links) + "\n")
    download(tmp_path / "links.txt", "txt", tmp_path / "data")
    report = apply_ruleset(request(tmp_path, tmp_path / "data"), NOW)
    free = [link for n, link in enumerate(links) if "free" in link]
    fetched = {link for n, link in enumerate(links) if "free" in link and n % 5 != 4}
    out = tmp_path / "out"
    assert (report.rows, report.kept) == (ROWS, len(free))
    assert sorted(pq.read_table(out / "00000.parquet")["url"].to_pylist()) == sorted(free)
    assert set(inside(out / "00000.tar")) == fetched
    told = json.loads((out / "00000_stats.json").read_text())
    assert (told["count"], told["successes"]) == (len(free), len(fetched))
    assert told["failed_to_download"] == len(free) - len(fetched)
    assert sum(told["status_dict"].values()) == len(free)
