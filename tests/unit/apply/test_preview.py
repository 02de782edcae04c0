"""What a new list would newly take out is known before it is in force, and a list that takes too much or is too old is not."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.unit.apply.worlds import KEY, NOW, links_file, request, row, ruleset_of, synced
from typer.testing import CliRunner

from byleave.apply.judging import Terms
from byleave.apply.preview import check_share, parse_share, preview
from byleave.apply.run import apply_ruleset
from byleave.apply.sources import find_input
from byleave.cli.commands import app
from byleave.consent import Evidence, Preference, Regime, TargetKind, Use
from byleave.errors import InputError, RefusedError, VerificationError
from byleave.release import open_synced
from byleave.release.age import AgeLimit, check_age
from byleave.release.writing import write_release

LINKS = [f"https://{host}.example/{n}.jpg" for host in ("one", "two") for n in range(10)]
TERMS = Terms((Use.TRAIN_GEN,), NOW, with_pending=False)


def folder_for(path: Path, name: str) -> Path:
    (path / name).mkdir()
    return path / name


def test_rows_that_only_the_new_list_takes_out_are_counted_by_level_party_and_host(tmp_path: Path) -> None:
    source = find_input(str(links_file(tmp_path / "in.parquet", LINKS)), tmp_path, with_version=False)
    one = row(1, TargetKind.URL, LINKS[0])
    gone = row(2, TargetKind.URL, LINKS[1])
    domain = row(3, TargetKind.DOMAIN, "two.example", claimant=7, evidence=Evidence.E3)
    also = row(4, TargetKind.URL, LINKS[10], claimant=8, evidence=Evidence.E0)
    before = ruleset_of([one, gone], folder_for(tmp_path, "before"))
    after = ruleset_of([one, domain, also], folder_for(tmp_path, "after"))
    found = preview(before, after, source, Regime.OPT_OUT, TERMS)
    assert (found.rows, found.dropped_before, found.dropped_after) == (20, 2, 11)
    assert (found.newly_dropped, found.newly_kept, found.share) == (10, 1, 0.5)
    assert found.levels == {"E3": 10, "E0": 1}
    assert found.claimants == {(7).to_bytes(16).hex(): 10, (8).to_bytes(16).hex(): 1}
    assert found.hosts == {"two.example": 10}
    check_share(found, 0.5)
    with pytest.raises(RefusedError, match="10 of 20"):
        check_share(found, 0.49)


def test_without_a_list_in_force_all_it_takes_out_is_new_and_silence_is_named_as_such(tmp_path: Path) -> None:
    source = find_input(str(links_file(tmp_path / "in.parquet", LINKS)), tmp_path, with_version=False)
    yes = row(1, TargetKind.URL, LINKS[0], Preference.ALLOW)
    after = ruleset_of([yes, row(2, TargetKind.URL, LINKS[1])], tmp_path)
    assert preview(None, after, source, Regime.OPT_OUT, TERMS).newly_dropped == 1
    found = preview(None, after, source, Regime.OPT_IN, TERMS)
    assert found.newly_dropped == 19
    assert found.levels == {"E5": 1, "not answered": 18}


@pytest.mark.parametrize(("text", "share"), [("2%", 0.02), ("0.5%", 0.005), ("100%", 1.0), ("0%", 0.0)])
def test_a_share_is_written_as_percent(text: str, share: float) -> None:
    assert parse_share(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["2", "", "101%", "-1%", "2 percent", "nan%"])
def test_anything_else_is_no_share(text: str) -> None:
    with pytest.raises(InputError):
        parse_share(text)


def test_a_list_is_too_old_after_its_limit_and_its_grace(tmp_path: Path) -> None:
    release = open_synced(synced(tmp_path, [row(1, TargetKind.URL, LINKS[0])]))
    limit = AgeLimit.parse("3d", "12h")
    assert check_age(release, limit, NOW + timedelta(days=3)) is None
    warning = check_age(release, limit, NOW + timedelta(days=3, hours=12))
    assert warning is not None
    assert "grace" in warning
    with pytest.raises(VerificationError, match="3 days 12 hours"):
        check_age(release, limit, NOW + timedelta(days=3, hours=12, seconds=1))
    for text in ("3", "3w", "", "d", "-1d"):
        with pytest.raises(InputError):
            AgeLimit.parse(text)


def test_an_old_list_is_not_applied_and_nothing_is_written(tmp_path: Path) -> None:
    synced(tmp_path, [row(1, TargetKind.URL, LINKS[0])])
    asked = request(tmp_path, links_file(tmp_path / "in.parquet", LINKS), max_age=AgeLimit.parse("1d"))
    with pytest.raises(VerificationError, match="old"):
        apply_ruleset(asked, NOW + timedelta(days=2))
    assert not (tmp_path / "out").exists()
    assert apply_ruleset(asked, NOW + timedelta(days=1)).kept == 19


@pytest.fixture
def newer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give the arguments of a sync whose list no. 2 newly drops half of the dataset."""
    monkeypatch.setenv("BYLEAVE_HOME", str(tmp_path / "home"))
    one = row(1, TargetKind.URL, LINKS[0])
    synced(tmp_path, [one])
    rows = [one, row(2, TargetKind.DOMAIN, "two.example", evidence=Evidence.E3)]
    at = datetime.now(UTC)
    write_release(tmp_path / "releases", rows, number=2, published_at=at, policy={}, key=KEY)
    links = links_file(tmp_path / "in.parquet", LINKS)
    looks = ["--input", str(links), "--regime", "opt_out", "--use", "train_gen"]
    return ["sync", str(tmp_path / "releases"), "--to", str(tmp_path / "synced"), *looks]


def test_a_preview_shows_and_changes_nothing(newer: list[str], tmp_path: Path) -> None:
    result = CliRunner().invoke(app, [*newer, "--preview", "--json"])
    assert result.exit_code == 0, result.output
    shown = json.loads(result.stdout)
    assert (shown["newly_dropped"], shown["share"], shown["levels"]) == (10, 0.5, {"E3": 10})
    assert open_synced(tmp_path / "synced").number == 1
    assert not list((tmp_path / "synced").glob(".preview-*"))


def test_a_list_that_drops_too_much_is_not_put_in_force(newer: list[str], tmp_path: Path) -> None:
    result = CliRunner().invoke(app, [*newer, "--max-drop", "2%"])
    assert isinstance(result.exception, RefusedError)
    assert result.exception.exit_code == 3
    assert open_synced(tmp_path / "synced").number == 1
    assert CliRunner().invoke(app, [*newer, "--max-drop", "50%"]).exit_code == 0
    assert open_synced(tmp_path / "synced").number == 2


def test_a_preview_without_a_dataset_is_an_error_that_says_what_is_missing(newer: list[str]) -> None:
    result = CliRunner().invoke(app, [*newer[:4], "--preview"])
    assert isinstance(result.exception, InputError)
    assert "--input" in result.exception.remedy


def test_sync_refuses_a_list_that_is_too_old(newer: list[str], tmp_path: Path) -> None:
    assert CliRunner().invoke(app, [*newer[:4], "--max-age", "1d"]).exit_code == 0
    assert open_synced(tmp_path / "synced").number == 2
