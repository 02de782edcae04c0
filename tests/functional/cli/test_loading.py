"""No command loads what it does not need, and the light ones run where the heavy parts are not installed."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.functional.cli.commands import byleave
from tests.unit.release.making import KEY, released
from tests.unit.release.test_gate import POLICY, REGISTRY, TRAINER, attested, dataset

from byleave.release.attested import ATTESTATION_PATH

pytestmark = pytest.mark.functional

SERVER = {"fastapi", "starlette", "sqlalchemy", "psycopg", "alembic", "procrastinate", "uvicorn"}
SEARCH = {"lancedb", "lance", "openvino", "PIL", "wordllama"}
APPLY = {"numba", "pyarrow", "numpy"}


@pytest.fixture
def loaded(tmp_path: Path) -> Path:
    return tmp_path / "modules"


def top(loaded: Path) -> set[str]:
    return {name.partition(".")[0] for name in loaded.read_text().splitlines()}


@pytest.mark.parametrize(
    "words", [["--help"], ["--version"], ["claim", "add", "--help"], ["apply", "--help"]]
)
def test_help_loads_no_heavy_module(tmp_path: Path, loaded: Path, words: list[str]) -> None:
    assert byleave(*words, home=tmp_path, modules=loaded).returncode == 0
    assert not top(loaded) & (SERVER | SEARCH | APPLY | {"ray", "httpx", "cryptography"})


def test_verify_loads_the_light_core_alone(tmp_path: Path, loaded: Path) -> None:
    folder = released(tmp_path / "source").folder
    told = byleave("verify", folder, "--key", KEY.verifier, home=tmp_path, modules=loaded)
    assert told.returncode == 0, told.stderr
    assert not top(loaded) & (SERVER | SEARCH | APPLY | {"ray"})


def test_statements_are_verified_and_gates_held_by_the_light_core_alone(tmp_path: Path, loaded: Path) -> None:
    out = attested(dataset(tmp_path))
    policy = tmp_path / "gate.toml"
    policy.write_text(POLICY.replace("30d", "9999d"))
    pledge = tmp_path / "pledge.json"
    words = ("--key", tmp_path / "key", "--registry", "registry.example/test", "--dataset", "links")
    terms = ("--regime", "opt_in", "--use", "train_gen", "--max-lag", 7)
    key = byleave("keys", "make", "a.example", "--to", tmp_path / "key", home=tmp_path).stdout.strip()
    trusted = ("--key", TRAINER.verifier, "--key", REGISTRY.verifier)
    for command in (
        ("verify", out / ATTESTATION_PATH, *trusted),
        ("gate", out, "--policy", policy),
        ("pledge", "--to", pledge, *words, *terms),
        ("verify", pledge, "--key", key),
    ):
        told = byleave(*command, home=tmp_path, modules=loaded)
        assert told.returncode == 0, told.stderr
        assert not top(loaded) & (SERVER | SEARCH | APPLY | {"ray"}), command


def test_sync_loads_neither_database(tmp_path: Path, loaded: Path) -> None:
    released(tmp_path / "source")
    words = ["sync", tmp_path / "source", "--to", tmp_path / "held", "--key", KEY.verifier]
    told = byleave(*words, home=tmp_path / "home", modules=loaded)
    assert told.returncode == 0, told.stderr
    assert not top(loaded) & (SERVER | SEARCH | {"ray"})
    assert not (tmp_path / "home").exists()


def test_search_and_fingerprint_load_no_server(tmp_path: Path, loaded: Path) -> None:
    for words in (["search", "sunset"], ["fingerprint", "nowhere.jpg"]):
        byleave(*words, home=tmp_path / "home", modules=loaded)
        assert not top(loaded) & (SERVER | {"ray"})
    assert not list(tmp_path.rglob("PG_VERSION"))
