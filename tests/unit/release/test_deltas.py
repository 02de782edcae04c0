"""From any list to any later one by deltas: the same rows, leaf hashes and digests as the list itself, or the whole list instead."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.release.making import KEY, NOW, OTHER, POLICY

from byleave import urls
from byleave.consent import ClaimState, Evidence, Preference, Preferences, Statement, TargetKind
from byleave.errors import ByleaveError, FormatError, VerificationError
from byleave.release import Release, sync
from byleave.release.delta_writing import keep_deltas, write_delta
from byleave.release.deltas import SPANS, Index, open_delta, steps_between
from byleave.release.patching import patch
from byleave.release.redaction import verify_rows
from byleave.release.rows import Row
from byleave.release.writing import write_release

TRUSTED = [KEY.verifier]
KINDS = (TargetKind.URL, TargetKind.DOMAIN, TargetKind.PICTURE, TargetKind.PREFIX)

Registry = dict[int, tuple[int, int, int]]
"""Claim to its event number, its party, and how many targets it has."""


def rows_of(registry: Registry, number: int) -> list[Row]:
    return [
        Row(
            Statement(
                claim=claim.to_bytes(16),
                claimant=urls.host_digest(f"{party} in {number}")[:16],
                kind=KINDS[target % len(KINDS)],
                digest=urls.url_digest(f"example.com/{claim % 3 if target else claim}/{target}"),
                preferences=Preferences(train_gen=Preference(1 + event % 3)),
                evidence=Evidence.E3,
                state=ClaimState.EFFECTIVE if event % 2 else ClaimState.FILED,
                number=event,
                effective_at=NOW if event % 2 else None,
            ),
            filed_at=NOW,
            scope_host=bytes(32) if target % len(KINDS) == 3 else None,
            value="plain" if event % 5 == 0 else None,
            terms="terms" if event % 7 == 0 else None,
            salt=claim.to_bytes(8) + target.to_bytes(8),
        )
        for claim, (event, party, targets) in registry.items()
        for target in range(targets)
    ]


def released(folder: Path, registry: Registry, number: int) -> Release:
    at = NOW + timedelta(days=number)
    return write_release(
        folder, rows_of(registry, number), number=number, published_at=at, policy=POLICY, key=KEY
    )


def files_of(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@st.composite
def histories(draw: st.DrawFn) -> list[Registry]:
    """Registries one after the other: claims come, change with an event of their own, and go."""
    history: list[Registry] = [{}]
    event = 0
    for _ in range(draw(st.integers(2, 5))):
        registry = dict(history[-1])
        for claim in draw(st.lists(st.integers(0, 12), max_size=8)):
            event += 1
            if claim in registry and draw(st.booleans()):
                del registry[claim]
            else:
                party = registry[claim][1] if claim in registry else draw(st.integers(0, 4))
                registry[claim] = (event, party, draw(st.integers(1, 5)))
        history.append(registry)
    return history


@settings(max_examples=12)  # every example writes a dozen folders
@given(history=histories())
def test_deltas_one_after_the_other_give_the_very_files_of_the_list(
    tmp_path_factory: pytest.TempPathFactory, history: list[Registry]
) -> None:
    folder = tmp_path_factory.mktemp("releases")
    releases = [released(folder, registry, number) for number, registry in enumerate(history)]
    held = releases[0].folder
    for older, newer in pairwise(releases):
        delta = write_delta(folder, older, newer, key=KEY)
        made = folder / f"made-{newer.number}"
        made.mkdir()
        patch(held, delta, made)
        held = made
    at_once = folder / "at-once"
    at_once.mkdir()
    patch(releases[0].folder, write_delta(folder, releases[0], releases[-1], key=KEY), at_once)
    wanted = {
        name: content
        for name, content in files_of(releases[-1].folder).items()
        if name == "rows.sha256" or name.startswith("digests/")
    }
    assert files_of(held) == files_of(at_once) == wanted
    assert all(same_rows(release, releases[-1]) for release in followed(folder, releases))


def followed(source: Path, releases: list[Release]) -> Iterator[Release]:
    """Sync from the first list to the last, list by list and at once, without a single whole list after the first."""
    steps = [(older.number, newer.number) for older, newer in pairwise(releases)]
    for name, offered in (("one by one", steps), ("at once", [(releases[0].number, releases[-1].number)])):
        index = Index(tuple(release.number for release in releases), tuple(offered))
        (source / "index.json").write_bytes(index.to_bytes())
        folder = source.with_name(f"{source.name} {name}")
        for release in releases if name == "one by one" else (releases[0], releases[-1]):
            at(source, folder, release.number)
        result, told = synced(source, folder)
        assert not told.whole
        yield result


def same_rows(one: Release, other: Release) -> bool:
    """Whether two folders hold the same release, however they came to it."""
    verify_rows(one)
    rows = one.claims().equals(other.claims())
    both = (files_of(one.folder), files_of(other.folder))
    files = [{n: c for n, c in found.items() if not n.startswith(("patched/", "claims.p"))} for found in both]
    return bool(rows) and files[0] == files[1]


def many(folder: Path, count: int, *, size: int = 40) -> list[Release]:
    """Publish lists one after the other, each with its deltas."""
    releases: list[Release] = []
    for number in range(1, count + 1):
        registry = {claim: (1, claim % 7, 2) for claim in range(number, size + number)}
        registry[5] = (number, 5 % 7, 3)
        releases.append(released(folder, registry, number))
        keep_deltas(folder, releases[-1], [one.number for one in releases[:-1]], KEY)
    return releases


class Told:
    """Remembers which files were fetched."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def __call__(self, name: str, done: int, total: int) -> None:
        self.names.append(name)

    @property
    def whole(self) -> bool:
        return any(name.endswith("/claims.parquet") for name in self.names)


def synced(source: Path, to: Path) -> tuple[Release, Told]:
    told = Told()
    return sync(str(source), to, keys=TRUSTED, progress=told), told


def at(source: Path, folder: Path, number: int) -> Path:
    """Sync ``folder`` as of an earlier list of the source."""
    latest = (source / "latest.json").read_bytes()
    (source / "latest.json").write_text(json.dumps({"number": number}))
    synced(source, folder)
    (source / "latest.json").write_bytes(latest)
    return folder


def test_a_folder_that_holds_a_recent_list_follows_by_deltas_and_an_old_one_by_the_whole_list(
    tmp_path: Path,
) -> None:
    source = tmp_path / "releases"
    releases = many(source, 33, size=6)
    assert min(end for _, end in Index.parse((source / "index.json").read_bytes()).deltas) == 3
    for start in (2, 17, 32):
        release, told = synced(source, at(source, tmp_path / f"synced-{start}", start))
        assert same_rows(release, releases[-1])
        assert not told.whole
        names = {path.name for path in (tmp_path / f"synced-{start}" / "releases").iterdir()}
        assert names == {"33", str(start)}
    old = at(source, tmp_path / "old", 1)
    for path in (source / "deltas").glob("1-*"):
        shutil.rmtree(path)
    release, told = synced(source, old)
    assert told.whole
    assert release.manifest_digest == releases[-1].manifest_digest


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    "name",
    ["removals.bin", "places.bin", "digests.bin", "additions.parquet", "manifest.json", "manifest.note"],
)
@pytest.mark.parametrize("damage", [flip, Path.unlink, lambda path: path.write_bytes(b"")])
def test_a_damaged_delta_is_refused_and_the_whole_list_fetched_instead(
    tmp_path: Path, name: str, damage: Callable[[Path], None]
) -> None:
    source = tmp_path / "releases"
    newest = many(source, 2)[-1]
    folder = at(source, tmp_path / "synced", 1)
    damage(source / "deltas" / "1-2" / name)
    with pytest.raises(ByleaveError):
        open_delta(source / "deltas" / "1-2", TRUSTED)
    release, told = synced(source, folder)
    assert told.whole
    assert files_of(release.folder) == files_of(newest.folder)


@pytest.mark.parametrize(
    "index", [b"", b"{}", b'{"deltas":[[2,1]],"releases":[]}', b'{"deltas":[["1",2]],"releases":[]}']
)
def test_an_index_that_cannot_be_read_costs_only_the_deltas(tmp_path: Path, index: bytes) -> None:
    source = tmp_path / "releases"
    many(source, 2)
    folder = at(source, tmp_path / "synced", 1)
    (source / "index.json").write_bytes(index)
    with pytest.raises(FormatError):
        Index.parse(index)
    release, told = synced(source, folder)
    assert release.number == 2
    assert told.whole


def test_a_delta_in_the_place_of_another_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "releases"
    newest = many(source, 3)[-1]
    folder = at(source, tmp_path / "synced", 2)
    shutil.rmtree(source / "deltas" / "2-3")
    shutil.copytree(source / "deltas" / "1-3", source / "deltas" / "2-3")
    release, told = synced(source, folder)
    assert told.whole
    assert release.manifest_digest == newest.manifest_digest


def test_a_delta_of_a_stranger_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "releases"
    older, newer = many(source, 2)
    delta = write_delta(source, older, newer, key=KEY)
    assert open_delta(delta.folder, TRUSTED).target == newer.name
    with pytest.raises(VerificationError):
        open_delta(delta.folder, [OTHER.verifier])


def test_a_delta_that_says_less_than_it_should_does_not_pass_for_the_list(tmp_path: Path) -> None:
    source = tmp_path / "releases"
    older, newer = many(source, 2)
    lying = released(tmp_path / "other", {1: (1, 1, 2)}, 2)
    claimed = Release(lying.folder, newer.signed)
    shutil.rmtree(source / "deltas" / "1-2")
    write_delta(source, older, claimed, key=KEY)
    release, told = synced(source, at(source, tmp_path / "synced", 1))
    assert told.whole
    assert files_of(release.folder) == files_of(newer.folder)


def test_a_row_that_changed_without_an_event_is_in_the_delta_all_the_same(tmp_path: Path) -> None:
    source = tmp_path / "releases"
    first = released(source, {1: (1, 1, 2), 2: (2, 1, 2)}, 1)
    rows = [*rows_of({1: (1, 1, 2)}, 2), *rows_of({2: (2, 2, 2)}, 2)]
    second = write_release(source, rows, number=2, published_at=NOW, policy=POLICY, key=KEY)
    folder = at(source, tmp_path / "synced", 1)
    write_delta(source, first, second, key=KEY)
    (source / "index.json").write_bytes(Index.of_folder(source).to_bytes())
    release, told = synced(source, folder)
    assert not told.whole
    assert same_rows(release, second)


def test_a_list_that_does_not_verify_any_more_is_passed_over_when_deltas_are_made(tmp_path: Path) -> None:
    releases = [released(tmp_path, {1: (number, 1, 2)}, number) for number in (1, 2, 3)]
    flip(releases[1].folder / "policy.json")
    made = keep_deltas(tmp_path, releases[2], [1, 2], KEY)
    assert [delta.start.number for delta in made] == [1]


def test_deltas_lead_over_a_change_of_keys(tmp_path: Path) -> None:
    first = released(tmp_path, {1: (1, 1, 2)}, 1)
    rows = rows_of({1: (2, 1, 2)}, 2)
    second = write_release(tmp_path, rows, number=2, published_at=NOW, policy=POLICY, key=OTHER)
    assert keep_deltas(tmp_path, second, [1], OTHER) == ()
    (made,) = keep_deltas(tmp_path, second, [1], OTHER, [KEY.verifier])
    assert (made.start, made.target) == (first.name, second.name)


def test_a_list_that_is_not_approved_is_not_put_in_force(tmp_path: Path) -> None:
    source = tmp_path / "releases"
    many(source, 2)
    folder = at(source, tmp_path / "synced", 1)
    before = (folder / "current.json").read_bytes()

    def refuse(release: Release) -> None:
        raise VerificationError("too much", remedy="look first")

    with pytest.raises(VerificationError, match="too much"):
        sync(str(source), folder, approve=refuse)
    assert (folder / "current.json").read_bytes() == before


@given(start=st.integers(0, 30))
def test_any_of_the_last_lists_is_at_most_five_steps_away(start: int) -> None:
    steps = [(end - span, end) for end in range(32) for span in SPANS if end - span >= 0]
    way = steps_between(steps, start, 31)
    assert way is not None
    assert len(way) <= 5
    assert [here for here, _ in way] == [start, *(there for _, there in way[:-1])]
    assert way[-1][1] == 31


def test_where_no_delta_leads_there_is_no_way() -> None:
    assert steps_between([(1, 2), (3, 4)], 1, 4) is None
    assert steps_between([(n, n + 1) for n in range(40)], 0, 40) is None
    assert steps_between([], 3, 3) == ()


def test_a_folder_lists_what_it_serves_in_the_order_of_numbers(tmp_path: Path) -> None:
    for number in (10, 9, 100, 1, 2):
        (tmp_path / str(number)).mkdir()
    for step in ("9-10", "10-100", "1-9", "1-2"):
        (tmp_path / "deltas" / step).mkdir(parents=True)
    found = Index.of_folder(tmp_path)
    assert found == Index((1, 2, 9, 10, 100), ((1, 2), (1, 9), (9, 10), (10, 100)))
    assert Index.parse(found.to_bytes()) == found
