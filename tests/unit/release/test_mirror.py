"""A mirror is in step with its source, verified, and never half."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tests.unit.release.making import KEY, NOW, OTHER
from tests.unit.release.test_deltas import files_of, many

from byleave.errors import ByleaveError, InputError, VerificationError
from byleave.release import open_latest, sync
from byleave.release.mirror import mirror
from byleave.release.redaction import redact

TRUSTED = [KEY.verifier]


def served(folder: Path) -> dict[str, bytes]:
    return {
        name: content
        for name, content in files_of(folder).items()
        if "lock" not in name and name != "mirror.json"
    }


def test_a_mirror_holds_what_its_source_holds_and_serves_as_one(tmp_path: Path) -> None:
    source, copy = tmp_path / "releases", tmp_path / "mirror"
    many(source, 3)
    done = mirror(str(source), copy, keys=TRUSTED)
    assert (done.latest, done.releases, done.deltas) == (3, (1, 2, 3), ((1, 2), (1, 3), (2, 3)))
    assert served(copy) == served(source)
    again = mirror(str(source), copy)
    assert (again.releases, again.deltas, again.removed) == ((), (), ())
    assert sync(str(copy), tmp_path / "synced", keys=TRUSTED).number == 3


def test_nothing_is_removed_unless_it_is_asked_for(tmp_path: Path) -> None:
    source, copy = tmp_path / "releases", tmp_path / "mirror"
    many(source, 3)
    mirror(str(source), copy, keys=TRUSTED)
    shutil.rmtree(source / "1")
    shutil.rmtree(source / "deltas" / "1-2")
    (source / "index.json").write_text(json.dumps({"deltas": [[1, 3], [2, 3]], "releases": [2, 3]}))
    assert mirror(str(source), copy).removed == ()
    assert (copy / "1").exists()
    assert mirror(str(source), copy, prune=True).removed == ("1", "deltas/1-2")
    assert not (copy / "1").exists()


@pytest.mark.parametrize("name", ["2/claims.parquet", "2/manifest.note", "deltas/1-2/removals.bin"])
def test_a_tampered_source_is_refused(tmp_path: Path, name: str) -> None:
    source, copy = tmp_path / "releases", tmp_path / "mirror"
    many(source, 2)
    content = bytearray((source / name).read_bytes())
    content[len(content) // 2] ^= 1
    (source / name).write_bytes(content)
    with pytest.raises(ByleaveError):
        mirror(str(source), copy, keys=TRUSTED)
    assert not (copy / "latest.json").exists()


def test_damage_to_the_mirror_itself_is_mended(tmp_path: Path) -> None:
    source, copy = tmp_path / "releases", tmp_path / "mirror"
    many(source, 2)
    mirror(str(source), copy, keys=TRUSTED)
    (copy / "1" / "policy.json").write_bytes(b"{}")
    (copy / "deltas" / "1-2" / "removals.bin").unlink()
    done = mirror(str(source), copy)
    assert (done.releases, done.deltas) == ((1,), ((1, 2),))
    assert served(copy) == served(source)


def test_a_source_that_went_back_is_refused(tmp_path: Path) -> None:
    source, copy = tmp_path / "releases", tmp_path / "mirror"
    many(source, 2)
    mirror(str(source), copy, keys=TRUSTED)
    (source / "latest.json").write_text('{"number": 1}')
    with pytest.raises(VerificationError, match="older"):
        mirror(str(source), copy)
    assert open_latest(copy, TRUSTED).number == 2


def test_whose_signature_counts_must_be_said_once(tmp_path: Path) -> None:
    source, copy = tmp_path / "releases", tmp_path / "mirror"
    many(source, 1)
    with pytest.raises(InputError, match="whose signature"):
        mirror(str(source), copy)
    with pytest.raises(VerificationError):
        mirror(str(source), copy, keys=[OTHER.verifier])


def test_a_redaction_reaches_the_mirror(tmp_path: Path) -> None:
    source, copy = tmp_path / "releases", tmp_path / "mirror"
    releases = many(source, 2)
    mirror(str(source), copy, keys=TRUSTED)
    claim = releases[0].claims()["claim"][0].as_py()
    redact(releases[0], [claim], at=NOW, key=KEY)
    assert mirror(str(source), copy, prune=True).releases == (1,)
    assert served(copy) == served(source)
