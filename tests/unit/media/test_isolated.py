"""What a decoding child says is checked as if a stranger had said it."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.media.pictures import encoded, photo

from byleave.fingerprints import ClaimedPicture
from byleave.media import Picture, Unusable, UnusableKind, describe, isolated
from byleave.media.child import answer, serve
from byleave.media.framing import FACTS_BYTES, BrokenMessageError, read_message, write_message
from byleave.media.isolated import Child
from byleave.settings import Limits

LIMITS = Limits()
DATA = encoded(photo(6, (64, 48)))
IMPOSSIBLE_CLAIMS = [
    None,
    5,
    "",
    "pdq-512/1:1:zz",
    "pdq-512/1:x:" + "00" * 32,
    "pdq-512/1:101:" + "00" * 32,
    "pdq-9/9:1:" + "00" * 32,
    "pdq-512/1:77:" + ",".join(f"{number:064x}" for number in range(17)),
]


@pytest.fixture
def child_says(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Put words into the mouth of the next child."""

    class Lent:
        def __init__(self, outcome: Any) -> None:
            self.outcome = outcome

        def __enter__(self) -> Any:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def ask(self, *_: object) -> Any:
            return self.outcome

    def say(facts: dict[str, Any], parts: list[bytes]) -> None:
        monkeypatch.setattr(isolated._children, "one", lambda _: Lent((facts, parts)))

    return say


class TestAnswers:
    def test_an_answer_survives_the_way_through_the_pipe(self, child_says: Any) -> None:
        facts, parts = answer({"do": "describe", "thumbnail_px": 32}, DATA, LIMITS)
        child_says(json.loads(json.dumps(facts)), parts)
        theirs, ours = isolated.describe(DATA, limits=LIMITS), describe(DATA, limits=LIMITS, thumbnail_px=32)
        assert isinstance(theirs, Picture)
        assert isinstance(ours, Picture)
        assert (theirs.fingerprint, theirs.thumbnail, theirs.digest) == (
            ours.fingerprint,
            ours.thumbnail,
            ours.digest,
        )

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("width", -1),
            ("width", "64"),
            ("width", True),
            ("height", 10**12),
            ("format", "exe"),
            ("format", 7),
            ("plain", "00"),
            ("plain", None),
            ("trimmed", "zz" * 32),
            ("quality", 101),
            ("shape", [10**6, 10**6, 3]),
            ("shape", [48, 64, 4]),
            ("shape", [48, 63, 3]),
            ("shape", None),
            ("creator", ["list"]),
            ("rights", "x" * 1001),
        ],
        ids=str,
    )
    def test_an_impossible_answer_is_a_crash(self, child_says: Any, name: str, value: Any) -> None:
        facts, parts = answer({"do": "describe", "thumbnail_px": None}, DATA, LIMITS)
        child_says({**facts, name: value}, parts)
        outcome = isolated.describe(DATA, limits=LIMITS)
        assert isinstance(outcome, Unusable)
        assert outcome.kind is UnusableKind.CRASHED

    @pytest.mark.parametrize("claimed", IMPOSSIBLE_CLAIMS, ids=lambda claimed: str(claimed)[:20])
    def test_an_impossible_claim_is_a_crash(self, child_says: Any, claimed: Any) -> None:
        child_says({"claimed": claimed}, [])
        outcome = isolated.claimed_picture(DATA, limits=LIMITS)
        assert isinstance(outcome, Unusable)
        assert outcome.kind is UnusableKind.CRASHED

    def test_a_claim_survives_the_way_through_the_pipe(self, child_says: Any) -> None:
        child_says(*answer({"do": "claimed_picture"}, DATA, LIMITS))
        assert isinstance(isolated.claimed_picture(DATA, limits=LIMITS), ClaimedPicture)

    def test_an_unknown_reason_is_a_crash(self, child_says: Any) -> None:
        child_says({"unusable": "bored", "detail": ""}, [])
        outcome = isolated.describe(DATA, limits=LIMITS)
        assert isinstance(outcome, Unusable)
        assert outcome.kind is UnusableKind.CRASHED

    def test_too_many_bytes_are_not_even_sent(self) -> None:
        outcome = isolated.describe(bytes(10), limits=Limits(picture_bytes=9))
        assert isinstance(outcome, Unusable)
        assert outcome.kind is UnusableKind.TOO_LARGE


class TestMessages:
    @given(
        st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=20)),
        st.lists(st.binary(max_size=50)),
    )
    @settings(deadline=None)
    def test_what_is_written_is_read(self, facts: dict[str, Any], parts: list[bytes]) -> None:
        facts.pop("parts", None)
        stream = BytesIO()
        write_message(stream, facts, parts)
        stream.seek(0)
        assert read_message(stream, most_bytes=10_000) == (facts, parts)

    @given(st.binary(max_size=100))
    @settings(deadline=None)
    def test_anything_else_is_refused(self, data: bytes) -> None:
        with pytest.raises(BrokenMessageError):
            read_message(BytesIO(data), most_bytes=100)

    @pytest.mark.parametrize(
        "head",
        [
            b"[]",
            b"{}",
            b'{"parts": 1}',
            b'{"parts": [-1]}',
            b'{"parts": [101]}',
            b'{"parts": [60, 60]}',
            b'{"parts": [true]}',
            b'{"parts": [1.5]}',
            b"\xff\xff",
            b"[" * 30_000,
        ],
        ids=lambda head: head[:18].decode("latin-1"),
    )
    def test_impossible_facts_are_refused(self, head: bytes) -> None:
        with pytest.raises(BrokenMessageError):
            read_message(BytesIO(len(head).to_bytes(4, "big") + head + bytes(200)), most_bytes=100)

    def test_a_huge_message_is_refused_before_it_is_read(self) -> None:
        with pytest.raises(BrokenMessageError, match="bytes of facts"):
            read_message(
                BytesIO((FACTS_BYTES + 1).to_bytes(4, "big") + bytes(FACTS_BYTES + 1)), most_bytes=100
            )


def test_a_child_serves_one_message_after_another_until_there_are_none() -> None:
    requests, answers = BytesIO(), BytesIO()
    write_message(requests, {"do": "describe", "thumbnail_px": None}, [DATA])
    write_message(requests, {"do": "claimed_picture"}, [b"no picture"])
    requests.seek(0)
    with pytest.raises(BrokenMessageError):
        serve(requests, answers, Limits(picture_seconds=100_000))
    answers.seek(0)
    first, parts = read_message(answers, most_bytes=10**7)
    second, none = read_message(answers, most_bytes=10**7)
    assert (first["width"], len(parts), second["unusable"], none) == (64, 2, "not_a_picture", [])


def test_running_out_of_memory_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def starve(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("byleave.media.child.read_picture", starve)
    facts, _ = answer({"do": "describe", "thumbnail_px": None}, DATA, LIMITS)
    assert facts["unusable"] == "out_of_memory"


def test_a_child_is_replaced_after_many_pictures() -> None:
    child = Child.__new__(Child)
    child.pictures, child.expired = 10**6, False

    class Running:
        def poll(self) -> None:
            return None

    child.process = Running()  # type: ignore[assignment]  # only whether it runs is asked
    assert not child.is_usable
