"""How long a browser takes to hash a folder and tell a real site of it, beside the Python kernel on the same files.

Run ``python benchmarks/device_speed.py [--pictures 3000 | --folder FOLDER]``. Pictures are generated, of sizes that sites show, or those
of a folder without folders in it; the site runs in a process of its own. What the page sends is counted: match codes alone, no file.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from io import BytesIO
from pathlib import Path

import numpy as np
from device_browser import ARGUMENTS, CHROMIUM
from PIL import Image
from playwright.sync_api import Request, sync_playwright

from byleave.media import claimed_picture
from byleave.settings import Limits

SIZES = ((900, 700), (1200, 800), (1080, 1080), (1600, 1067), (640, 480))
KERNEL_SAMPLE = 200
MOST_MINUTES = 20


def picture(seed: int) -> bytes:
    """A JPEG with detail at several scales, unlike every other."""
    chance = np.random.default_rng(seed)
    size = SIZES[seed % len(SIZES)]
    layers = [
        np.asarray(
            Image.fromarray(chance.integers(0, 255, (cells, cells, 3), dtype=np.uint8)).resize(
                size, Image.Resampling.BILINEAR
            ),
            dtype=np.uint16,
        )
        for cells in (5, 17, 61)
    ]
    out = BytesIO()
    Image.fromarray((np.sum(layers, axis=0) // 3).astype(np.uint8)).save(out, "JPEG", quality=88)
    return out.getvalue()


class Sent:
    """Counts what a page sends."""

    def __init__(self) -> None:
        self.bytes = 0
        self.pictures = 0
        self.others = 0

    def note(self, request: Request) -> None:
        body = request.post_data_buffer or b""
        self.bytes += len(body)
        if body.startswith(b'{"pictures"'):
            self.pictures += len(json.loads(body)["pictures"])
        elif len(body) > 2:
            self.others += 1


def in_browser(address: str, folder: Path, number: int) -> dict[str, object]:
    path = next(found for name in CHROMIUM if (found := shutil.which(name)))
    sent = Sent()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        page = browser.new_page()
        page.on("request", sent.note)
        page.goto(f"{address}/choices/start")
        started = time.perf_counter()
        page.get_by_label("A folder").set_input_files(folder)
        page.locator('[data-part="next"]').wait_for(timeout=MOST_MINUTES * 60_000)
        seconds = time.perf_counter() - started
        said = page.locator('[data-part="outcome"]').inner_text()
        browser.close()
    if sent.pictures != number or sent.others:
        raise SystemExit(
            f"{sent.pictures} of {number} pictures were told, {sent.others} other things sent: {said}"
        )
    return {"seconds": round(seconds, 1), "bytes sent per picture": sent.bytes // number, "said": said}


def in_python(folder: Path) -> float:
    """Seconds a picture that the kernel takes on one processor, over a sample."""
    files = [path.read_bytes() for path in sorted(folder.iterdir())[:KERNEL_SAMPLE]]
    claimed_picture(files[0], limits=Limits())
    started = time.perf_counter()
    for file in files:
        claimed_picture(file, limits=Limits())
    return (time.perf_counter() - started) / len(files)


def generate(folder: Path, number: int) -> None:
    folder.mkdir()
    for seed in range(number):
        (folder / f"{seed:05}.jpg").write_bytes(picture(seed))


def measure(number: int, given: Path | None) -> dict[str, object]:
    home = Path(tempfile.mkdtemp(prefix="byleave-speed-"))
    home.chmod(0o755)  # the database server of a root user runs as another
    folder = given or home / "pictures"
    if given is None:
        generate(folder, number)
    sizes = [path.stat().st_size for path in folder.iterdir()]
    number = len(sizes)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BYLEAVE_")}
    command = [sys.executable, "-m", "byleave.cli.main", "serve", "--demo", "--port", "0"]
    server = subprocess.Popen(
        command, env=environment | {"BYLEAVE_HOME": str(home)}, stdout=subprocess.PIPE, text=True
    )
    try:
        address = server.stdout.readline().split()[-1] if server.stdout else ""
        before = in_python(folder)
        found = in_browser(address, folder, number)
        kernel = (before + in_python(folder)) / 2
    finally:
        server.terminate()
        server.wait(30)
        shutil.rmtree(home)
    processors = os.cpu_count() or 1
    return {
        "pictures": number,
        "processors": processors,
        "megabytes of files": round(sum(sizes) / 1e6),
        "browser": found,
        "kernel, seconds for all on one processor": round(kernel * number, 1),
        "browser's time over the kernel's on as many processors": round(
            float(str(found["seconds"])) / (kernel * number / processors), 2
        ),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=3000)
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    print(json.dumps(measure(asked.pictures, asked.folder), indent=2))
