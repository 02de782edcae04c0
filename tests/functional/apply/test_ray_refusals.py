"""A cluster that cannot be joined: it is said at once, with what to do."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from tests.functional.cli.commands import byleave
from tests.unit.apply.worlds import URLS, links_file, row, synced

from byleave.consent import TargetKind

pytestmark = pytest.mark.functional


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    synced(folder, [row(1, TargetKind.HOST, "a.example")])
    links_file(folder / "links.parquet", URLS)
    return folder


def refused(home: Path, address: str, *, named: bool = True, **settings: str) -> str:
    """Apply on a cluster there, ``named`` by the option; return what the command says."""
    words = [
        "apply",
        "--ruleset",
        home / "synced",
        "--input",
        home / "links.parquet",
        "--output",
        home / "out",
    ]
    words += ["--regime", "opt_out", "--use", "train_gen", "--engine", "ray"]
    words += ["--ray-address", address] if named else []
    done = byleave(*words, home=home / "data", settings=settings)
    assert (done.returncode, (home / "out").exists()) == (6, False)
    assert f"no Ray cluster at {address} can be joined" in done.stderr
    return done.stderr


def test_where_nothing_listens_that_is_said_without_asking_for_minutes(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        address = f"127.0.0.1:{gone.getsockname()[1]}"
    assert "Connection refused" in refused(home, address)
    assert "Connection refused" in refused(home, address, named=False, RAY_ADDRESS=address)


@pytest.mark.parametrize("address", ["127.0.0.1:port", "127.0.0.1:99999", "nowhere.invalid:6379"])
def test_an_address_that_is_none_is_named(home: Path, address: str) -> None:
    assert "--ray-address" in refused(home, address)


def test_a_token_that_is_not_there_is_asked_for(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        told = refused(home, address, RAY_AUTH_MODE="token", HOME=str(home))
    assert "no authentication token was found" in told
    assert "RAY_AUTH_MODE=token" in told
