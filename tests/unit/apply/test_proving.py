"""Proofs for everything that lists name: which targets there are, and the lines that are written of them."""

from __future__ import annotations

from itertools import count, islice
from pathlib import Path

import pytest
from tests.unit.apply.worlds import NOW, links_file, request, row, synced

from byleave.apply.opening import Bound
from byleave.apply.proving import Targets, write_proofs
from byleave.apply.run import apply_ruleset
from byleave.consent import TargetKind
from byleave.release import open_synced
from byleave.release.absences import INDEX
from byleave.release.items import Absence
from byleave.urls import canonical_url, host_digest, url_digest

HOST = "c.example"


def links(ending: bytes) -> list[str]:
    """Return five links whose item ids end so."""
    every = (f"http://a.example/{number}" for number in count())
    return list(islice((link for link in every if item_of(link).endswith(ending)), 5))


def item_of(link: str) -> bytes:
    return url_digest(canonical_url(link))[:16]


@pytest.mark.parametrize("ending", [b"", b"\0"])
def test_every_target_has_one_line_whatever_its_id_ends_with(ending: bytes, tmp_path: Path) -> None:
    refused, kept = links(ending), "http://b.example/kept"
    rows = [row(number, TargetKind.URL, link) for number, link in enumerate(refused, 1)]
    synced(tmp_path, [*rows, row(9, TargetKind.HOST, HOST)])
    links_file(tmp_path / "data" / "one.parquet", [kept, *refused, f"http://{HOST}/1"])
    apply_ruleset(request(tmp_path, tmp_path / "data", bind=tmp_path / "bound"), NOW)
    bound, release = Bound.open(tmp_path / "bound"), open_synced(tmp_path / "synced")
    targets = Targets.of(bound, [release, release])
    items, host = sorted(map(item_of, refused)), host_digest(HOST)[:16]
    assert list(targets.items(covering=False)) == items
    assert list(targets.items(covering=True)) == [host]
    (tmp_path / "proofs").mkdir()
    shown: list[tuple[int, int]] = []
    absent = write_proofs(bound, bytes(32), targets, tmp_path / "proofs", lambda *step: shown.append(step))
    assert (absent, shown[-1]) == (6, (6, 6))
    files = sorted((tmp_path / "proofs").glob("*.jsonl"))
    proofs = [Absence.parse(line) for path in files for line in path.read_bytes().splitlines()]
    assert [(proof.item, proof.covering) for proof in proofs] == sorted(
        [*((item, False) for item in items), (host, True)]
    )
    for proof in proofs:
        tree = bound.covering if proof.covering else bound.kept
        assert tree is not None
        proof.check(tree.commitment, bound.commitments.salt)
    assert (tmp_path / "proofs" / INDEX).is_file()
