"""What an organisation kept of a choice: its proofs, served as plain files, fetched by one press, and believed only as far as they hold."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.absence_story import ADDRESS, PLACE, REFUSED, Story, make_story
from tests.functional.web.test_statements import run
from tests.strangers import Strangers
from tests.website import Website

from byleave.registry.checking.absences import MOST_TARGETS
from byleave.registry.permissions import DELEGATED_ACTS, Act, MemberRole
from byleave.registry.statement_tables import StatementRow
from byleave.registry.targets import url_target

pytestmark = pytest.mark.functional

JON = "jon@example.org"


@pytest.fixture(scope="module")
def told(site: Website, world: Strangers, tmp_path_factory: pytest.TempPathFactory) -> Story:
    return make_story(site, world, tmp_path_factory.mktemp("absences"), seed=7)


@pytest.fixture
def story(told: Story) -> Iterator[Story]:
    """The proofs served, and their address told."""
    told.serve()
    assert told.hand_in(proofs=ADDRESS).status_code == 201
    yield told
    told.world.forget()


def test_the_page_of_a_choice_has_a_button_once_the_address_is_known(told: Story) -> None:
    with told.site.database.transaction() as session:
        session.execute(sa.update(StatementRow).values(proofs=None))
    assert "Check what they kept" not in told.mara.get(f"/choices/{told.refused}").text
    assert told.hand_in(proofs=f"{ADDRESS}/").json()["again"] is True
    page = told.mara.get(f"/choices/{told.refused}").text
    assert "Check what they kept" in page
    assert f'action="/choices/{told.refused}/absences"' in page
    with told.site.database.transaction() as session:
        assert session.get_one(StatementRow, bytes.fromhex(told.statement)).proofs == ADDRESS
    assert told.hand_in().status_code == 201
    assert "Check what they kept" in told.mara.get(f"/choices/{told.refused}").text, "it is not forgotten"


def test_a_link_that_was_left_out_is_proven_to_be(story: Story) -> None:
    page = story.check(story.refused)
    assert page.status_code == 200, page.text
    assert "Left out, and proven: 1" in page.text
    assert REFUSED.removeprefix("https://") in page.text
    assert f"{PLACE}/absences.json" in story.world.asked


def test_what_was_kept_is_shown_with_its_place(story: Story) -> None:
    page = story.check(story.allowed).text
    assert "Kept: 2" in page
    assert "Link: b.example/1" in page
    assert "file 1, entry 1 of what they signed" in page
    assert "Domain: b.example" in page
    assert "first in file 1, entry 1 of what they signed" in page


def test_what_was_kept_is_said_to_break_nothing_where_it_did_not_have_to_go(story: Story) -> None:
    assert "Kept breaks nothing where you said yes" in story.check(story.allowed).text
    assert "Kept breaks nothing" not in story.check(story.refused).text


def test_the_statement_behind_it_is_a_page_for_everybody(story: Story) -> None:
    assert f'href="/kept/{story.statement}"' in story.check(story.refused).text
    visitor = story.site.browser()
    assert f'href="/kept/{story.statement}"' in visitor.get("/kept").text
    page = visitor.get(f"/kept/{story.statement}").text
    for said in (
        "What Example Lab signed",
        "Nobody here has looked at its files or audited them.",
        "Its entries are bound, so anybody can audit it.",
        f"served at <code>{ADDRESS}</code>",
        "2: 1 taken out, 1 kept",
        "byleave sync … --number ",
        "byleave audit-attestation attestation.dsse.json drawn.json",
        'href="/log/checkpoint" download="checkpoint"',
        "--checkpoint checkpoint",
        f'href="/api/v1/statements/{story.statement}/receipt" download="attestation.tlog-proof"',
    ):
        assert said in page, page
    assert visitor.get(f"/kept/{'0' * 64}").status_code == 404


def test_sites_and_paths_are_looked_up_too_and_files_and_pictures_where_all_were_compared(
    story: Story,
) -> None:
    page = story.check(story.others).text
    assert "Left out, and proven: 2" in page
    for name in (
        "Domain: m.example",
        "Path: studio.example/elsewhere/",
        f"File: {'09' * 6}…",
        "Picture: harbour.jpg",
    ):
        assert name in page
    assert page.count("no entry comes under it") == 2
    assert "No proof given: 2" in page
    assert "mostly because not every picture was compared" in page
    assert "mostly because not every entry says what file it is" in page


def test_a_link_without_a_proof_is_told_as_that(story: Story) -> None:
    story.world.put(f"{PLACE}/{story.proofs}", b"")
    page = story.check(story.refused).text
    assert "No proof given: 1" in page


@pytest.mark.parametrize(
    ("name", "content", "status", "said"),
    [
        ("", b"gone", 404, "is not served there"),
        ("", b"busy", 503, "the server answers 503"),
        ("", b"not a proof\n", 200, "holds what is no proof"),
        ("", b"x" * (5 * 1024 * 1024), 200, "is longer than"),
        ("absences.json", b"{}", 200, "holds no proofs of absence"),
        ("absences.json", b"[" * 100_000, 200, "holds no proofs of absence"),
    ],
)
def test_what_cannot_be_had_or_read_is_told_and_breaks_nothing(
    story: Story, name: str, content: bytes, status: int, said: str
) -> None:
    story.world.put(f"{PLACE}/{name or story.proofs}", content, status=status)
    page = story.check(story.refused)
    assert page.status_code == 200
    assert "Not checked: 1" in page.text
    assert said in page.text


def test_a_proof_that_was_changed_is_not_believed(story: Story) -> None:
    lines = story.files[story.proofs].splitlines()
    wanted = url_target(REFUSED).digest[:16].hex().encode()
    (line,) = (line for line in lines if wanted in line)
    said = json.loads(line)
    said["leaves"][0]["rows"][0] = said["leaves"][0]["rows"][0][:-2] + "77"
    changed = json.dumps(said, separators=(",", ":"), sort_keys=True).encode()
    story.world.put(f"{PLACE}/{story.proofs}", b"\n".join(changed if one == line else one for one in lines))
    page = story.check(story.refused).text
    assert "Not checked: 1" in page
    assert "Left out" not in page


def test_a_redirect_to_another_host_is_not_followed(story: Story) -> None:
    story.world.put(f"{PLACE}/absences.json", b"", status=302, location="https://rdap.example/x")
    assert "the server answers 302" in story.check(story.refused).text
    assert not any("rdap" in one for one in story.world.asked)


def test_many_links_are_looked_up_some_at_a_time(story: Story) -> None:
    first = story.check(story.many).text
    assert f"Left out, and proven: {MOST_TARGETS}" in first
    (after,) = {part.partition('"')[0] for part in first.split('name="after" value="')[1:]}
    second = story.check(story.many, after=after).text
    assert "Left out, and proven: 3" in second
    assert "Check the next ones" not in second


def test_whoever_comes_back_to_the_address_finds_the_button_again(story: Story) -> None:
    address = f"/choices/{story.refused}/absences"
    back = story.mara.http.get(address, follow_redirects=False)
    assert (back.status_code, back.headers["location"]) == (303, f"/choices/{story.refused}#served")


def test_nobody_else_may_look(story: Story) -> None:
    other = story.site.browser()
    other.sign_in(JON)
    assert story.check(story.refused, other).status_code == 404
    stranger = story.site.browser()
    assert "Sign in" in story.check(story.refused, stranger).text
    for role in MemberRole:
        assert Act.CHECK_ABSENCES not in DELEGATED_ACTS[role]


@pytest.mark.parametrize("statement", ["", "zz", "00" * 32])
def test_another_statement_is_refused_with_a_reason(story: Story, statement: str) -> None:
    answer = story.check(story.refused, statement=statement)
    assert answer.status_code in {400, 404}
    assert "from the page of the choice" in answer.text


@pytest.mark.parametrize(
    "address",
    [
        "http://secure.example/a", "https://", "ftp://a.example/", "https://u:p@a.example/", "https://a.example:8443/x",
        "https://a.example/x?y=1", "https://a.example/x#y", "https://a.example/\u00e9", "https://a.example/a b",
        "https://[::1/", "https://a.example/" + "x" * 490,
    ],
)  # fmt: skip
def test_an_address_that_cannot_be_asked_is_refused(story: Story, address: str) -> None:
    answer = story.hand_in(proofs=address)
    assert answer.status_code in {400, 422}, answer.text


def test_an_address_on_this_network_is_never_asked(story: Story) -> None:
    """The client that asks is the one that asks everybody: no private address, whatever the name."""
    assert story.hand_in(proofs="https://inside.example/absences").status_code == 201
    page = story.check(story.refused).text
    assert "Not checked: 1" in page
    assert "inside.example has no address" in page


def test_a_program_sends_the_address_by_the_command(story: Story, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(story.secret)
    (tmp_path / "a.dsse.json").write_bytes(story.envelope)
    sending = ("--to", story.site.address, "--token", tmp_path / "token", "--proofs", f"{ADDRESS}/again")
    run(tmp_path, "attest", "submit", tmp_path / "a.dsse.json", *sending)
    with story.site.database.transaction() as session:
        assert session.get_one(StatementRow, bytes.fromhex(story.statement)).proofs == f"{ADDRESS}/again"
