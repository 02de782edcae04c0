"""Compile the loops that most tests run once, while the workers collect, instead of in every worker and in every command they start.

Compiling takes a minute of processor time. What is compiled is kept in the user's cache, so only a first run pays for it.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

LOCK = pytest.StashKey[Path]()
COMPILING = pytest.StashKey[list[subprocess.Popen[bytes]]]()


def pytest_configure(config: pytest.Config) -> None:
    """Begin, where all tests are run by several workers; those who compile hold a lock until they are done."""
    several = config.getoption("numprocesses", None)
    if not several or config.args_source is not pytest.Config.ArgsSource.TESTPATHS:
        return
    lock, name = tempfile.mkstemp(prefix="byleave-warming-")
    fcntl.flock(lock, fcntl.LOCK_EX)
    config.stash[LOCK] = Path(name)
    config.stash[COMPILING] = [
        subprocess.Popen([sys.executable, "-m", __name__, part], cwd=config.rootpath, pass_fds=[lock])
        for part in PARTS
    ]
    os.close(lock)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker where the lock is."""
    if LOCK in node.config.stash:
        node.workerinput["warming"] = str(node.config.stash[LOCK])


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the lock when nobody holds it any more."""
    for compiling in config.stash.get(COMPILING, []):
        compiling.wait()
    if LOCK in config.stash:
        config.stash[LOCK].unlink()


@pytest.fixture(scope="session", autouse=True)
def _compiled(request: pytest.FixtureRequest) -> None:
    """Wait until the loops are compiled."""
    name = getattr(request.config, "workerinput", {}).get("warming")
    if name is not None:
        with Path(name).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)


def links(folder: Path) -> None:
    """Load what names many links, apply a list to links, digests and a coverage, and bind the rows."""
    from tests.unit.apply.worlds import NOW, links_file, request, row, synced

    from byleave.apply.opening import Bound, bind_items
    from byleave.apply.run import apply_ruleset, open_ruleset
    from byleave.consent import TargetKind
    from byleave.urls import load_naming_loops

    places: dict[TargetKind, str | bytes] = {
        TargetKind.URL: "http://a.example/1",
        TargetKind.PREFIX: "http://b.example/p/",
        TargetKind.HOST: "c.example",
        TargetKind.DOMAIN: "d.example",
        TargetKind.DIGEST: bytes(32),
    }
    targets = [row(number, kind, place) for number, (kind, place) in enumerate(places.items(), 1)]
    ruleset = synced(folder, targets)
    load_naming_loops()
    found = [f"http://{host}.example/p/{number}" for host in "abcde" for number in range(4)]
    links_file(folder / "data" / "one.parquet", found, sha256=[bytes(32).hex()] * len(found))
    apply_ruleset(request(folder, folder / "data"), NOW)
    bind_items(folder / "out", open_ruleset(ruleset)[1], folder / "bound")
    next(Bound.open(folder / "bound").kept.proofs(bytes(32), [bytes(16)]))


def pictures(folder: Path) -> None:
    """Ingest pictures, and look values up."""
    from tests.website import write_gallery

    from byleave.catalog import Catalog
    from byleave.hamming import HammingIndex

    write_gallery(folder / "pictures")
    Catalog(folder).ingest(folder / "pictures", dataset="gallery")
    values = np.random.default_rng(1).integers(0, 256, (20_000, 32), dtype=np.uint8)
    for count in (100, 20_000):
        HammingIndex.build(values[:count]).search(values[:50], 31)


PARTS: Mapping[str, Callable[[Path], None]] = {"links": links, "pictures": pictures}

if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="byleave-warming-") as place:
        PARTS[sys.argv[1]](Path(place))
