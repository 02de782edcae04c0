"""Drafts for the AI Act are made of what a run left, and of nothing that somebody put there later."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.functional.cli.commands import byleave
from tests.logs import write_log
from tests.unit.apply.worlds import KEY, NOW, links_file, name_anew, request, row, synced

from byleave.apply.attesting import AttestRequest, write_attestation
from byleave.apply.run import apply_ruleset
from byleave.consent import TargetKind
from byleave.release import SigningKey
from byleave.release.attested import ATTESTATION_PATH
from byleave.release.file_lists import REPORT

pytestmark = pytest.mark.functional


@pytest.fixture
def world(tmp_path: Path) -> Path:
    synced(tmp_path, [row(1, TargetKind.HOST, "a.example")])
    write_log(tmp_path / "log", [b"x", b"y"], KEY)
    links_file(tmp_path / "data" / "links.parquet", ["http://a.example/1", "http://b.example/2"])
    apply_ruleset(request(tmp_path, tmp_path / "data"), NOW)
    note = (tmp_path / "log" / "checkpoint").read_text("utf-8")
    key = SigningKey.from_seed("models.example", bytes(range(1, 33)))
    write_attestation(AttestRequest(tmp_path / "out", key, (note,), dataset="many links"), NOW)
    return tmp_path


def edit(out: Path) -> None:
    report = out / REPORT
    report.write_bytes(report.read_bytes().replace(b'"removed": 1', b'"removed": 0'))


def edit_and_name_anew(out: Path) -> None:
    edit(out)
    (out / ATTESTATION_PATH).rename(out.parent / "aside")
    name_anew(out)
    (out.parent / "aside").rename(out / ATTESTATION_PATH)


TOUCHED: dict[str, tuple[Callable[[Path], object], set[str]]] = {
    "a report that was edited": (edit, {"art53", "policy"}),
    "a report and a note that were edited": (edit_and_name_anew, {"art53", "policy"}),
    "another file in place of one": (
        lambda out: links_file(out / "links.parquet", ["http://harmless.example/1"]),
        {"art53"},
    ),
    "a file more": (lambda out: links_file(out / "more.parquet", ["http://c.example/1"]), {"art53"}),
}


def draft(world: Path, name: str, to: Path) -> tuple[int, str]:
    told = byleave("report", name, world / "out", "--to", to, "--json", home=world / "home")
    return told.returncode, told.stdout + told.stderr


@pytest.mark.parametrize("name", ["art53", "policy"])
@pytest.mark.parametrize("touched", TOUCHED)
def test_what_was_touched_is_not_vouched_for(world: Path, touched: str, name: str) -> None:
    assert draft(world, name, world / f"before-{name}")[0] == 0
    touch, refused = TOUCHED[touched]
    touch(world / "out")
    code, told = draft(world, name, world / name)
    assert (code, (world / name).exists()) == ((5, False) if name in refused else (0, True)), told
    if code:
        assert json.loads(told)["exit_code"] == 5
