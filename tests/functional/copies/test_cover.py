"""Where the copies of a claimed picture stand in a dataset: found, signed, and nobody else's touched."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import ImageOps
from tests.unit.media.pictures import bordered, encoded, photo

from byleave import media
from byleave.catalog import Catalog, IngestOptions
from byleave.consent import Preference, Preferences, TargetKind, Use
from byleave.copies.cover import cover
from byleave.copies.samples import targets_of_sample
from byleave.errors import ConflictError, NotFoundError
from byleave.publish import publish
from byleave.registry.accounts import account_of
from byleave.registry.database import Database
from byleave.registry.filing import NewClaim, file_claim
from byleave.registry.permissions import OPERATOR
from byleave.registry.targets import Target, picture_target
from byleave.release import Coverage, Release, SigningKey, open_coverage
from byleave.settings import Limits, Settings

pytestmark = pytest.mark.functional

NOW = datetime(2026, 11, 22, tzinfo=UTC)
KEY = SigningKey.from_seed("byleave.example/registry", bytes(range(32)))
ORIGINAL = photo(1)
PICTURES = {
    "original": ORIGINAL,
    "mirrored": ImageOps.mirror(ORIGINAL),
    "bordered": bordered(ORIGINAL, "white"),
    "smaller": ORIGINAL.resize((450, 350)),
    "stranger-1": photo(2),
    "stranger-2": photo(3),
}
COPIES = {"original", "mirrored", "bordered", "smaller"}


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    folder = tmp_path_factory.mktemp("pictures")
    for name, picture in PICTURES.items():
        (folder / f"{name}.jpg").write_bytes(encoded(picture))
        (folder / f"{name}.txt").write_text(name)
    catalog = Catalog(tmp_path_factory.mktemp("home"))
    catalog.ingest(folder, dataset="tiny", options=IngestOptions(thumbnails=False, workers=0))
    return catalog


@dataclass
class Covering:
    catalog: Catalog
    database: Database
    settings: Settings

    def release(self, *targets: Target) -> Release:
        no = Preferences.same(Preference.DENY, [Use.TRAIN_GEN])
        with self.database.transaction() as session:
            owner = account_of(session, "ann@example.com", NOW)
            file_claim(session, NewClaim(no, targets), who=OPERATOR, account=owner, at=NOW)
        return publish(self.database, self.settings, who=OPERATOR, at=NOW).release

    def cover(self, release: Release, out: Path, dataset: str = "tiny") -> Coverage:
        with self.database.transaction() as session:
            return cover(
                self.catalog, session, dataset=dataset, release=release, out=out, made_at=NOW, key=KEY
            )

    def names(self, coverage: Coverage, band: str = "same_work") -> set[str | None]:
        rows = coverage.matches().to_pylist()
        keys = [row["sample_key"] for row in rows if row["band"] == band]
        return {sample.caption for sample in self.catalog.samples("tiny", keys)}


@pytest.fixture
def covering(catalog: Catalog, database: Database, registry_settings: Settings, tmp_path: Path) -> Covering:
    return Covering(catalog, database, replace(registry_settings, home=tmp_path / "home"))


def claimed() -> Target:
    picture = media.claimed_picture(encoded(ORIGINAL), limits=Limits())
    assert not isinstance(picture, media.Unusable)
    return picture_target(picture)


def test_a_claimed_file_covers_its_copies_and_no_stranger(covering: Covering, tmp_path: Path) -> None:
    release = covering.release(claimed())
    coverage = covering.cover(release, tmp_path / "tiny.coverage")
    assert covering.names(coverage) == COPIES
    assert open_coverage(coverage.path, [KEY.verifier]).covers == coverage.covers
    assert coverage.covers.release_manifest == release.manifest_digest
    assert coverage.checked().shape == (len(PICTURES),)
    for row in coverage.matches().to_pylist():
        assert row["distance"] <= row["threshold"]
        assert row["method"] == "pdq"


def test_a_claim_on_an_entry_reaches_the_same_copies_from_its_bits_alone(
    covering: Covering, tmp_path: Path
) -> None:
    (found,) = [
        hit for hit in covering.catalog.samples("tiny", _keys(covering.catalog)) if hit.caption == "original"
    ]
    targets = targets_of_sample(found)
    assert {target.kind for target in targets} == {TargetKind.PICTURE, TargetKind.DIGEST}
    coverage = covering.cover(covering.release(*targets), tmp_path / "tiny.coverage")
    assert covering.names(coverage) == COPIES


def test_a_list_without_pictures_covers_nothing_but_says_what_was_compared(
    covering: Covering, tmp_path: Path
) -> None:
    release = publish(covering.database, covering.settings, who=OPERATOR, at=NOW).release
    coverage = covering.cover(release, tmp_path / "tiny.coverage")
    assert coverage.matches().num_rows == 0
    assert coverage.signed.members["counts"] == {"checked": len(PICTURES), "matches": 0}


def test_a_coverage_is_not_overwritten_and_an_unknown_dataset_has_none(
    covering: Covering, tmp_path: Path
) -> None:
    release = covering.release(claimed())
    covering.cover(release, tmp_path / "tiny.coverage")
    with pytest.raises(ConflictError):
        covering.cover(release, tmp_path / "tiny.coverage")
    with pytest.raises(NotFoundError):
        covering.cover(release, tmp_path / "other.coverage", dataset="nowhere")


def _keys(catalog: Catalog) -> list[bytes]:
    return [key for batch in catalog.fingerprints("tiny") for key in batch["sample_key"].to_pylist()]
