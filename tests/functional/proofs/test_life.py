"""What happens to a proof over time, and to claims with it."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from tests.functional.proofs.people import NO, NOW, YES, Person, person
from tests.strangers import Strangers

from byleave.consent import ClaimState, Evidence, Standing
from byleave.errors import ConflictError, NotFoundError
from byleave.registry.account_tables import AuditEventRow, OutboxMessage
from byleave.registry.checking import Checks
from byleave.registry.claims import Claim
from byleave.registry.confirming import MOST_AT_ONCE, RECONFIRM, reconfirm_later
from byleave.registry.database import Database
from byleave.registry.events import open_event
from byleave.registry.jobs import run_pending
from byleave.registry.proofs import Proof, ProofState, proof_by_id, proofs_of
from byleave.registry.proving import CHECK_EVERY, TOKEN_LIFE, TRY_AGAIN, end_proof
from byleave.registry.rates import RATES, Rate, TooOftenError
from byleave.registry.rechecking import recheck_in_turn
from byleave.registry.scopes import Method
from byleave.registry.targets import domain_target, prefix_target, url_target

pytestmark = pytest.mark.functional


@pytest.fixture
def ann(database: Database, checks: Checks) -> Person:
    return person(database, checks)


@pytest.fixture
def bob(database: Database, checks: Checks) -> Person:
    return person(database, checks, "bob@example.com")


def shows(
    world: Strangers, who: Person, domain: str = "jane.example", after: timedelta = timedelta()
) -> Proof:
    proof = who.begins(Method.DNS, domain, NOW + after)
    world.domains.add(domain)
    world.text(f"_byleave-challenge.{domain}", f"token={who.token(proof)}")
    return who.checks_now(proof, after)


def looked_at(who: Person, after: timedelta) -> None:
    recheck_in_turn(who.database, who.checks, NOW + after)


def proof_of(who: Person, proof: Proof) -> Proof:
    with who.database.transaction() as session:
        return proof_by_id(session, proof.id, who=who.who)


def last_record(who: Person, claim: Claim) -> dict[str, object]:
    with who.database.transaction() as session:
        opened = open_event(session, claim.id)
    assert opened is not None
    assert opened.record is not None
    return dict(opened.record)


def test_a_whole_site_waits_until_it_is_shown_and_then_acts(world: Strangers, ann: Person) -> None:
    claim = ann.files(domain_target("jane.example"), url_target("https://elsewhere.example/a.jpg"))
    waiting = ann.files(domain_target("jane.example"))
    assert (claim.state, waiting.state) == (ClaimState.EFFECTIVE, ClaimState.FILED)
    shows(world, ann)
    now = ann.claim(waiting)
    assert (now.state, now.evidence, now.standing(NOW)) == (
        ClaimState.EFFECTIVE,
        Evidence.E3,
        Standing.ACTS,
    )
    assert [target.evidence for target in ann.claim(claim).targets] == [Evidence.E3, Evidence.E0]
    record = last_record(ann, claim)
    assert (record["op"], record["levels"], record["stale"]) == ("confirm", {"E0": 1, "E3": 1}, False)
    assert now.answered == waiting.answered < now.number


def test_what_is_filed_later_has_its_evidence_at_once(world: Strangers, ann: Person, bob: Person) -> None:
    shows(world, ann)
    yes = ann.files(url_target("https://pictures.jane.example/a.jpg"), preferences=YES)
    assert (yes.state, yes.evidence) == (ClaimState.EFFECTIVE, Evidence.E3)
    hers = bob.files(url_target("https://pictures.jane.example/a.jpg"), preferences=YES)
    assert (hers.state, hers.evidence) == (ClaimState.FILED, Evidence.E0)
    elsewhere = ann.files(url_target("https://other.example/a.jpg"), preferences=YES)
    assert (elsewhere.state, elsewhere.evidence) == (ClaimState.FILED, Evidence.E0)


def test_a_profile_reaches_its_path_and_never_above(world: Strangers, ann: Person) -> None:
    proof = ann.begins(Method.META, "https://www.deviantart.com/jane/")
    line = f'<meta name="byleave-verification" content="{ann.token(proof)}">'
    world.put("deviantart.com/jane", f"<head>{line}</head>")
    assert ann.checks_now(proof).state is ProofState.GOOD
    hers = ann.files(prefix_target("deviantart.com/Jane/art"), preferences=NO)
    assert (hers.state, hers.evidence) == (ClaimState.EFFECTIVE, Evidence.E2)
    for other in ("deviantart.com/janet", "deviantart.com/jan", "deviantart.com/mallory/jane"):
        assert ann.files(prefix_target(other)).state is ClaimState.FILED


def test_a_yes_is_suspended_and_a_no_stays_when_a_proof_is_gone_for_longer(
    world: Strangers, ann: Person
) -> None:
    proof = shows(world, ann)
    no = ann.files(domain_target("jane.example"))
    yes = ann.files(url_target("https://jane.example/a.jpg"), preferences=YES)
    world.texts.clear()
    looked_at(ann, CHECK_EVERY - timedelta(seconds=1))
    assert proof_of(ann, proof).state is ProofState.GOOD
    for number, expected in enumerate([ProofState.FAILING, ProofState.FAILING, ProofState.STALE]):
        assert not ann.claim(yes).stale
        looked_at(ann, CHECK_EVERY + number * TRY_AGAIN)
        assert proof_of(ann, proof).state is expected
    at = NOW + CHECK_EVERY + 2 * TRY_AGAIN
    assert (ann.claim(no).stale, ann.claim(no).standing(at)) == (True, Standing.ACTS)
    assert (ann.claim(yes).stale, ann.claim(yes).standing(at)) == (True, Standing.PENDING)
    assert ann.claim(yes).evidence is Evidence.E3
    assert last_record(ann, yes)["stale"] is True
    assert ann.files(domain_target("jane.example")).state is ClaimState.FILED
    world.text("_byleave-challenge.jane.example", f"token={ann.token(proof)}")
    looked_at(ann, CHECK_EVERY + 3 * TRY_AGAIN)
    assert proof_of(ann, proof).state is ProofState.GOOD
    assert (ann.claim(yes).stale, ann.claim(yes).standing(at)) == (False, Standing.ACTS)


def test_one_look_in_vain_changes_nothing_for_claims(world: Strangers, ann: Person) -> None:
    proof = shows(world, ann)
    yes = ann.files(url_target("https://jane.example/a.jpg"), preferences=YES)
    world.blind.add(0)
    looked_at(ann, CHECK_EVERY)
    assert proof_of(ann, proof).state is ProofState.FAILING
    assert ann.files(domain_target("jane.example")).state is ClaimState.EFFECTIVE
    world.blind.clear()
    looked_at(ann, CHECK_EVERY + TRY_AGAIN)
    found = proof_of(ann, proof)
    assert (found.state, found.failures) == (ProofState.GOOD, 0)
    assert found.next_check == NOW + CHECK_EVERY + TRY_AGAIN + CHECK_EVERY
    assert ann.claim(yes).number == yes.number


def test_a_domain_that_is_gone_suspends_at_once(world: Strangers, ann: Person) -> None:
    proof = shows(world, ann)
    yes = ann.files(url_target("https://jane.example/a.jpg"), preferences=YES)
    world.forget()
    looked_at(ann, CHECK_EVERY)
    assert proof_of(ann, proof).state is ProofState.STALE
    assert ann.claim(yes).stale


def test_a_new_holder_is_looked_into_at_once_and_sees_and_changes_nothing_of_the_old(
    world: Strangers, ann: Person, bob: Person
) -> None:
    hers = shows(world, ann)
    yes = ann.files(url_target("https://jane.example/a.jpg"), preferences=YES)
    world.texts.clear()
    shows(world, bob, after=timedelta(days=1))
    assert proof_of(ann, hers).next_check == NOW + timedelta(days=1)
    looked_at(ann, timedelta(days=1))
    assert proof_of(ann, hers).state is ProofState.STALE
    assert ann.claim(yes).stale
    with ann.database.transaction() as session:
        assert len(proofs_of(session, bob.account, who=bob.who)) == 1
        with pytest.raises(NotFoundError):
            proof_by_id(session, hers.id, who=bob.who)
    with ann.database.transaction() as session, pytest.raises(NotFoundError):
        end_proof(session, hers.id, who=bob.who, at=NOW)
    with ann.database.transaction() as session:
        letters = session.execute(sa.select(OutboxMessage.recipient, OutboxMessage.body)).all()
    assert [letter.recipient for letter in letters] == ["ann@example.com"] * 2
    assert "bob" not in "".join(letter.body for letter in letters)


def test_two_people_may_both_control_a_place(world: Strangers, ann: Person, bob: Person) -> None:
    hers, his = shows(world, ann), shows(world, bob)
    looked_at(ann, timedelta(days=1))
    assert proof_of(ann, hers).state is proof_of(bob, his).state is ProofState.GOOD


def test_a_host_below_a_domain_tells_whoever_holds_the_domain_and_widens_nothing(
    world: Strangers, ann: Person, bob: Person
) -> None:
    shows(world, ann)
    taken = bob.begins(Method.FILE, "old.jane.example")
    world.put(
        f"old.jane.example/.well-known/byleave-challenge/{bob.token(taken)}",
        bob.checks.keys.file(taken.id, bob.account),
    )
    assert bob.checks_now(taken).state is ProofState.GOOD
    assert bob.files(domain_target("jane.example")).state is ClaimState.FILED
    assert bob.files(url_target("https://new.jane.example/a"), preferences=YES).state is ClaimState.FILED
    with ann.database.transaction() as session:
        (mail,) = session.execute(sa.select(OutboxMessage.recipient, OutboxMessage.body)).all()
    assert (mail.recipient, "old.jane.example" in mail.body) == ("ann@example.com", True)


def test_a_proof_that_waits_is_looked_for_with_pauses_and_ends_after_14_days(
    world: Strangers, ann: Person
) -> None:
    proof = ann.begins(Method.DNS, "jane.example")
    pauses = []
    for _ in range(14):
        before = proof_of(ann, proof).next_check
        assert before is not None
        looked_at(ann, before - NOW)
        after = proof_of(ann, proof).next_check
        assert after is not None
        pauses.append(after - before)
    assert pauses[0] == timedelta(minutes=2)
    assert pauses == sorted(pauses)
    assert pauses[-1] == timedelta(days=1)
    world.text("_byleave-challenge.jane.example", f"token={ann.token(proof)}")
    late = ann.checks_now(proof, TOKEN_LIFE)
    assert (late.state, late.first_good_at) == (ProofState.ENDED, None)
    with pytest.raises(ConflictError, match="given up"):
        ann.checks_now(proof, TOKEN_LIFE)


def test_it_is_found_without_anybody_asking(world: Strangers, ann: Person) -> None:
    proof = ann.begins(Method.DNS, "jane.example")
    world.text("_byleave-challenge.jane.example", f"token={ann.token(proof)}")
    looked_at(ann, timedelta(minutes=1))
    assert proof_of(ann, proof).state is ProofState.GOOD


def test_whoever_gives_a_proof_up_keeps_her_no_and_ends_her_yes(world: Strangers, ann: Person) -> None:
    proof = shows(world, ann)
    no = ann.files(domain_target("jane.example"))
    yes = ann.files(url_target("https://jane.example/a.jpg"), preferences=YES)
    with ann.database.transaction() as session:
        assert end_proof(session, proof.id, who=ann.who, at=NOW).state is ProofState.ENDED
    assert (ann.claim(no).standing(NOW), ann.claim(yes).standing(NOW)) == (Standing.ACTS, Standing.PENDING)
    again = shows(world, ann)
    assert again.id != proof.id
    assert again.state is ProofState.GOOD
    assert ann.claim(yes).standing(NOW) is Standing.ACTS


def test_beginning_twice_is_beginning_once(ann: Person, bob: Person) -> None:
    first, second = ann.begins(Method.DNS, "jane.example"), ann.begins(Method.DNS, "www.Jane.Example")
    assert first.id == second.id
    assert bob.begins(Method.DNS, "jane.example").id != first.id
    assert ann.begins(Method.FILE, "jane.example").id != first.id


def test_another_accounts_token_shows_nothing(world: Strangers, ann: Person, bob: Person) -> None:
    mine, his = ann.begins(Method.DNS, "jane.example"), bob.begins(Method.DNS, "jane.example")
    world.text("_byleave-challenge.jane.example", f"token={ann.token(mine)}")
    assert bob.checks_now(his).state is ProofState.WAITING
    assert ann.checks_now(mine).state is ProofState.GOOD


def test_asking_very_often_is_refused(ann: Person) -> None:
    proof = ann.begins(Method.META, "https://jane.example/")
    for _ in range(RATES[Rate.PROOF_CHECKS].amount):
        ann.checks_now(proof)
    with pytest.raises(TooOftenError):
        ann.checks_now(proof)


def test_what_happens_to_a_proof_is_written_down_and_no_token_is_stored(
    world: Strangers, ann: Person
) -> None:
    proof = shows(world, ann)
    with ann.database.transaction() as session:
        kinds = session.execute(sa.select(AuditEventRow.kind).order_by(AuditEventRow.id)).scalars().all()
        stored = session.execute(sa.text("SELECT row_to_json(proofs)::text FROM proofs")).scalar_one()
    assert kinds == ["proof_begun", "proof_good"]
    assert ann.token(proof) not in stored


def test_who_has_very_many_targets_has_an_answer_at_once_and_a_job_does_the_rest(
    world: Strangers, ann: Person
) -> None:
    small = ann.files(url_target("https://jane.example/a.jpg"))
    large = ann.files(*(url_target(f"https://jane.example/{n}.jpg") for n in range(MOST_AT_ONCE)))
    proof = shows(world, ann)
    assert (proof.state, (proof.seen or {})["left"]) == (ProofState.GOOD, MOST_AT_ONCE)
    assert (ann.claim(small).evidence, ann.claim(large).evidence) == (Evidence.E3, Evidence.E0)
    before = ann.claim(small).number
    asked: list[str] = []

    def confirm(database: Database, account: str) -> None:
        asked.append(account)
        reconfirm_later(database, account, NOW)

    assert run_pending(ann.database, {RECONFIRM: confirm}) == 1
    assert asked == [str(ann.account)]
    assert {target.evidence for target in ann.claim(large).targets} == {Evidence.E3}
    assert last_record(ann, large)["levels"] == {"E3": MOST_AT_ONCE}
    assert ann.claim(small).number == before
    assert reconfirm_later(ann.database, str(ann.account), NOW) == 0


def test_what_is_gone_never_waits_for_a_job(world: Strangers, ann: Person) -> None:
    proof = shows(world, ann)
    links = (url_target(f"https://jane.example/{n}.jpg") for n in range(MOST_AT_ONCE + 1))
    large = ann.files(*links, preferences=YES)
    assert ann.claim(large).standing(NOW) is Standing.ACTS
    with ann.database.transaction() as session:
        end_proof(session, proof.id, who=ann.who, at=NOW)
    assert ann.claim(large).standing(NOW) is not Standing.ACTS
