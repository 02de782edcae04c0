"""The guard against real pictures, a real registry and a real catalog: what waits for a person, and what does not."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.website import Gallery, encoded, painting

from byleave import media
from byleave.catalog import Catalog
from byleave.consent import PRESETS, ClaimState, Evidence
from byleave.copies.guard import JUDGE, Stopwatch, guarded, reason_to_hold
from byleave.copies.judging import judge_waiting
from byleave.errors import RefusedError
from byleave.fingerprints import ClaimedPicture
from byleave.media.backgrounds import backgrounds
from byleave.registry.accounts import account_of
from byleave.registry.claims import Claim, claim_by_id
from byleave.registry.database import Database
from byleave.registry.filing import Filing, NewClaim, file_claims
from byleave.registry.jobs import run_pending
from byleave.registry.negative import BUILT_IN, add_pictures, negative_list_of, remove_pictures
from byleave.registry.permissions import OPERATOR, Role, Who
from byleave.registry.rates import RATES, Rate, TooOftenError
from byleave.registry.targets import Target, picture_target, url_target
from byleave.registry.thresholds import THRESHOLDS, HoldReason
from byleave.settings import Limits

pytestmark = pytest.mark.functional
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
NO = PRESETS["no_training"]


@pytest.fixture(scope="module")
def catalog(gallery: Gallery) -> Catalog:
    return Catalog(gallery.home)


def claimed(content: bytes) -> ClaimedPicture:
    picture = media.claimed_picture(content, limits=Limits())
    assert isinstance(picture, ClaimedPicture)
    return picture


def of_gallery(gallery: Gallery, name: str) -> ClaimedPicture:
    return claimed(gallery.file(name).read_bytes())


def made_up(gallery: Gallery, count: int) -> ClaimedPicture:
    """Return what somebody hands in who put match codes of strangers' pictures together."""
    names = [name for name in gallery.names if name.endswith("-0")][:count]
    return ClaimedPicture(tuple(of_gallery(gallery, name).variants[0] for name in names), 100)


def targets(*pictures: ClaimedPicture) -> tuple[Target, ...]:
    return tuple(picture_target(picture) for picture in pictures)


def filing(database: Database, *found: Target, email: str = "mara@example.org") -> Filing:
    with database.transaction() as session:
        return Filing(NewClaim(NO, found), account_of(session, email, NOON))


def file_past_guard(database: Database, catalog: Catalog, one: Filing, **thresholds: Any) -> Claim:
    her = Who(Role.CLAIMANT, one.account)
    with database.transaction() as session:
        limits = replace(THRESHOLDS, **thresholds)
        seen = guarded(catalog, session, [one], who=her, at=NOON, thresholds=limits)
        return file_claims(session, seen, who=her, at=NOON)[0]


def test_a_picture_and_its_reposts_count_at_once(
    database: Database, catalog: Catalog, gallery: Gallery
) -> None:
    claim = file_past_guard(database, catalog, filing(database, *targets(of_gallery(gallery, "harbour-0"))))
    assert (claim.state, claim.hold_reason) == (ClaimState.EFFECTIVE, None)


def test_many_pictures_of_one_person_count_at_once(
    database: Database, catalog: Catalog, gallery: Gallery
) -> None:
    every = [of_gallery(gallery, name) for name in gallery.names]
    claim = file_past_guard(database, catalog, filing(database, *targets(*every)))
    assert claim.state is ClaimState.EFFECTIVE


def test_a_match_code_put_together_from_strangers_pictures_waits(
    database: Database, catalog: Catalog, gallery: Gallery
) -> None:
    few, many = made_up(gallery, THRESHOLDS.works), made_up(gallery, THRESHOLDS.works + 1)
    assert file_past_guard(database, catalog, filing(database, *targets(few))).state is ClaimState.EFFECTIVE
    held = file_past_guard(database, catalog, filing(database, *targets(few, many)))
    assert (held.state, held.hold_reason) == (ClaimState.HELD, HoldReason.CROWDED)


def test_what_everybody_uses_waits_in_another_size_and_turned(database: Database, catalog: Catalog) -> None:
    reasons = {}
    with database.transaction() as session:
        for name, pixels in islice(backgrounds(), 13):
            turned = Image.fromarray(np.rot90(pixels)).resize((400, 400), Image.Resampling.LANCZOS)
            theirs = targets(claimed(encoded(turned, quality=80)))
            reasons[name] = reason_to_hold(catalog, session, theirs, at=NOON)
    assert len(reasons) == 13
    assert set(reasons.values()) <= {HoldReason.COMMON, HoldReason.FLAT}, reasons


def test_the_operator_adds_pictures_that_are_nobodys(
    database: Database, catalog: Catalog, gallery: Gallery
) -> None:
    theirs = of_gallery(gallery, "heron-1")
    with database.transaction() as session:
        assert add_pictures(session, theirs.variants[:1], "old masters", who=OPERATOR, at=NOON) == 1
        assert add_pictures(session, theirs.variants[:1], "old masters", who=OPERATOR, at=NOON) == 0
        assert reason_to_hold(catalog, session, targets(theirs), at=NOON) == HoldReason.COMMON
        assert [part.name for part in negative_list_of(session)] == [BUILT_IN, "old masters"]
        assert remove_pictures(session, "old masters", who=OPERATOR) == 1
        assert reason_to_hold(catalog, session, targets(theirs), at=NOON) is None


def test_a_burst_waits_and_a_flood_is_refused(database: Database, catalog: Catalog, gallery: Gallery) -> None:
    one = filing(database, *targets(of_gallery(gallery, "violin-0")))
    file_past_guard(database, catalog, one, claims_an_hour=1)
    assert file_past_guard(database, catalog, one, claims_an_hour=1).hold_reason == HoldReason.BURST
    assert file_past_guard(database, catalog, one, pictures_a_day=2).hold_reason == HoldReason.BURST
    her = Who(Role.CLAIMANT, one.account)
    with pytest.raises(TooOftenError), database.transaction() as session:
        guarded(catalog, session, [one] * RATES[Rate.FILINGS].amount, who=her, at=NOON)


def test_many_sites_hold_back_only_whoever_has_shown_nothing(
    database: Database, catalog: Catalog, gallery: Gallery
) -> None:
    one = filing(database, *targets(of_gallery(gallery, "harbour-0")))
    assert file_past_guard(database, catalog, one, hosts=1).hold_reason == HoldReason.HOSTS
    shown = replace(one, evidence=Evidence.E2)
    assert file_past_guard(database, catalog, shown, hosts=1).hold_reason is None


def test_links_are_not_compared_with_anything(database: Database, catalog: Catalog) -> None:
    link = url_target("https://studio.example/harbour-0.jpg")
    assert file_past_guard(database, catalog, filing(database, link), works=0).state is ClaimState.EFFECTIVE


def test_what_there_was_no_time_for_is_compared_by_a_job_and_let_go(
    database: Database, catalog: Catalog, gallery: Gallery
) -> None:
    def judge(registry: Database) -> None:
        judge_waiting(registry, catalog, NOON + timedelta(minutes=1))

    fine = file_past_guard(
        database,
        catalog,
        filing(database, *targets(of_gallery(gallery, "market-2"))),
        comparing_seconds=-1.0,
    )
    greedy = file_past_guard(
        database, catalog, filing(database, *targets(made_up(gallery, 9))), comparing_seconds=-1.0
    )
    assert {fine.hold_reason, greedy.hold_reason} == {HoldReason.COMPARING}
    run_pending(database, {JUDGE: judge})
    with database.transaction() as session:
        states = [claim_by_id(session, one.id, who=OPERATOR) for one in (fine, greedy)]
    assert [(one.state, one.hold_reason) for one in states] == [
        (ClaimState.EFFECTIVE, None),
        (ClaimState.HELD, HoldReason.CROWDED),
    ]
    assert judge_waiting(database, catalog, NOON) == 0


def test_a_stopwatch_counts_what_it_is_told() -> None:
    times = iter([0.0, 1.0, 2.5])
    watch = Stopwatch(2.0, clock=lambda: next(times))
    assert [watch.is_over, watch.is_over] == [False, True]


def test_a_stranger_may_not_change_the_list(database: Database) -> None:
    with pytest.raises(RefusedError), database.transaction() as session:
        add_pictures(session, [bytes(32)], "mine", who=Who(Role.CLAIMANT, uuid.uuid4()), at=NOON)


def test_painted_pictures_are_not_taken_for_backgrounds(database: Database, catalog: Catalog) -> None:
    with database.transaction() as session:
        for seed in range(1000, 1020):
            theirs = claimed(encoded(painting(seed), quality=90))
            assert reason_to_hold(catalog, session, targets(theirs), at=NOON) is None
