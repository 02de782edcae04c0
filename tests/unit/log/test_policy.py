"""Policy files: who counts, how many must have looked, and a line number for whatever cannot be read."""

from __future__ import annotations

import base64
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.logs import ORIGIN, checkpoint_of, cosigned, signed, signing_key, witness_key

from byleave.errors import FormatError, VerificationError
from byleave.log import Policy, VerifierKey
from byleave.release.keys import verify_ed25519

LOG = str(signing_key().verifier)
NAMES = ("X1", "X2", "X3", "Y1", "Y2", "Y3")
WITNESS = {name: witness_key(f"{name}.example/witness") for name in NAMES}
LINES = [
    "# Two organisations watch.",
    f"log {LOG} https://log.example/registry",
    "",
    *(f"witness {name} {WITNESS[name]}" for name in NAMES),
    "group X-witnesses 2 X1 X2 X3",
    "\tgroup  Y-witnesses any Y1\tY2 Y3 ",
    "group X-and-Y all X-witnesses Y-witnesses",
    "quorum X-and-Y",
]
TWO_LEVELS = "\n".join(LINES) + "\n"
LATER = f"later.example+01020304+{base64.b64encode(bytes([6]) + bytes(1312)).decode()}"
NOTE = signed(checkpoint_of(5))


def parse(text: str) -> Policy:
    return Policy.parse(text.encode("utf-8", "surrogateescape"))


def test_a_quorum_over_two_levels_of_groups_counts_as_the_format_says() -> None:
    policy = parse(TWO_LEVELS)
    assert policy.logs[0].url == "https://log.example/registry"
    for count in range(len(NAMES) + 1):
        for names in combinations(NAMES, count):
            enough = sum(name[0] == "X" for name in names) >= 2 and any(name[0] == "Y" for name in names)
            assert policy.satisfied_by([WITNESS[name] for name in names]) is enough


@pytest.mark.parametrize(("threshold", "needed"), [("any", 1), ("all", 6), ("1", 1), ("4", 4), ("6", 6)])
def test_a_group_needs_as_many_members_as_it_says(threshold: str, needed: int) -> None:
    witnesses = "\n".join(f"witness {name} {WITNESS[name]}" for name in NAMES)
    policy = parse(f"{witnesses}\ngroup g {threshold} {' '.join(NAMES)}\nquorum g\n")
    for count in range(7):
        assert policy.satisfied_by([WITNESS[name] for name in NAMES[:count]]) is (count >= needed)


def test_a_single_witness_can_be_the_quorum() -> None:
    policy = parse(f"witness X1 {WITNESS['X1']} https://X1.example\nquorum X1")
    assert policy.witnesses[0].url == "https://X1.example"
    assert policy.satisfied_by([WITNESS["X1"]])
    assert not policy.satisfied_by([WITNESS["X2"]])


def test_no_quorum_asks_for_no_witness() -> None:
    policy = parse(f"log {LOG}\nquorum none\n")
    assert policy.satisfied_by([])
    assert policy.open_checkpoint(NOTE, verify_ed25519).checkpoint == checkpoint_of(5)


def test_a_checkpoint_is_accepted_with_its_log_and_its_quorum_only() -> None:
    policy = parse(TWO_LEVELS)
    enough = cosigned(NOTE, *(WITNESS[name].name for name in ("X1", "X3", "Y2")))
    found = policy.open_checkpoint(enough, verify_ed25519)
    assert [one.key.name[:2] for one in found.cosignatures] == ["X1", "X3", "Y2"]
    assert [key.name for key in found.signers] == [ORIGIN]
    with pytest.raises(VerificationError, match="have not cosigned"):
        policy.open_checkpoint(cosigned(NOTE, WITNESS["X1"].name, WITNESS["Y2"].name), verify_ed25519)
    stranger = signed(checkpoint_of(5), seed="somebody else's")
    with pytest.raises(VerificationError, match="no known key"):
        policy.open_checkpoint(cosigned(stranger, *(WITNESS[n].name for n in NAMES)), verify_ed25519)


def test_the_same_witness_twice_in_a_checkpoint_counts_once() -> None:
    policy = parse(TWO_LEVELS)
    note = cosigned(NOTE, *(WITNESS[name].name for name in ("X1", "X1", "Y1")))
    with pytest.raises(VerificationError, match="have not cosigned"):
        policy.open_checkpoint(note, verify_ed25519)


def test_keys_of_types_that_we_cannot_check_are_kept_and_never_count() -> None:
    text = TWO_LEVELS.replace("\ngroup X", f"\nwitness later {LATER}\ngroup X", 1)
    policy = parse(f"log {LATER}\n{text}".replace("2 X1", "2 later X1"))
    later = VerifierKey.parse_any(LATER)
    assert policy.witnesses[-1].key == later
    assert not later.checkable
    enough = cosigned(NOTE, *(WITNESS[name].name for name in ("X1", "X3", "Y2")))
    policy.open_checkpoint(enough, verify_ed25519)
    with pytest.raises(FormatError, match="type 6"):
        VerifierKey.parse(LATER)


def test_a_policy_without_logs_accepts_no_checkpoint() -> None:
    with pytest.raises(VerificationError):
        parse("quorum none\n").open_checkpoint(NOTE, verify_ed25519)


def test_names_are_bytes_and_no_two_bytes_are_alike() -> None:
    lines = [f"witness K {WITNESS['X1']}".encode(), b"witness \xe2\x84\xaa " + str(WITNESS["X2"]).encode()]
    lines += [b"witness \xff\xfe " + str(WITNESS["X3"]).encode(), b"# \xff", b"quorum \xff\xfe"]
    policy = Policy.parse(b"\n".join(lines))
    assert len({witness.name for witness in policy.witnesses}) == 3
    assert policy.satisfied_by([WITNESS["X3"]])


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("quorum none", "second quorum"),
        ("quorum X1 X2", "not a definition"),
        ("quorum", "not a definition"),
        (f"log {LOG}", "stands here twice"),
        (f"log {LOG} https://a https://b", "not a definition"),
        ("log", "not a definition"),
        ("log nonsense", "not a verifier key"),
        (f"log {WITNESS['X1']}", "type 4, not 1"),
        (f"witness W {LOG}", "type 1, not 4"),
        (f"witness W {WITNESS['X1']}", "stands here twice"),
        (f"witness X1 {witness_key('new.example')}", "is taken"),
        (f"witness none {witness_key('new.example')}", "is taken"),
        (f"witness W {str(witness_key('new.example'))[:-4]}AAAA", "does not fit"),
        ("witness W", "not a definition"),
        ("group g any", "not a definition"),
        ("group g any unknown", "not defined above"),
        ("group g any none", "not defined above"),
        ("group g any g", "not defined above"),
        ("group g any X1", "member twice"),
        ("group g any W2 W2", "member twice"),
        ("group X1 any W2", "is taken"),
        ("group none any W2", "is taken"),
        ("group g 0 W2", "impossible"),
        ("group g 2 W2", "impossible"),
        ("group g 01 W2", "not a plain decimal"),
        ("group g some W2", "not a plain decimal"),
        ("frobnicate", "not a definition"),
        ("quorum none\r", "control character"),
        ("# \x7f", "control character"),
        ("witness W\N{NO-BREAK SPACE}" + str(WITNESS["X1"]), "not a definition"),
    ],
)
def test_a_line_that_cannot_be_used_is_named_by_its_number(line: str, problem: str) -> None:
    text = f"{TWO_LEVELS}witness W2 {witness_key('second.example')}\n{line}\n"
    with pytest.raises(FormatError, match=problem) as caught:
        parse(text)
    assert caught.value.problem.startswith(f"policy line {len(LINES) + 2}: ")


def test_the_quorum_must_be_defined_above_it() -> None:
    with pytest.raises(FormatError, match="line 1: 'X1' is not defined above"):
        parse(f"quorum X1\nwitness X1 {WITNESS['X1']}\n")


def test_a_policy_without_a_quorum_line_is_refused() -> None:
    with pytest.raises(FormatError, match="no quorum line"):
        parse(f"log {LOG}\n")


def test_a_policy_that_is_too_long_is_refused() -> None:
    with pytest.raises(FormatError, match="more than"):
        Policy.parse(b"#" * 262_145)


def test_a_long_chain_of_groups_is_settled_in_one_pass() -> None:
    chain = "\n".join(f"group g{n + 1} any g{n}" for n in range(5000))
    policy = parse(f"witness g0 {WITNESS['X1']}\n{chain}\nquorum g5000\n")
    assert policy.satisfied_by([WITNESS["X1"]])
    assert not policy.satisfied_by([WITNESS["X2"]])


@given(st.binary(max_size=300) | st.text("logwitnessgroupquorumnoneany 12\n\t#+=A").map(str.encode))
def test_any_bytes_are_a_policy_or_are_refused(data: bytes) -> None:
    for start in (b"", f"witness a {WITNESS['X1']}\n".encode(), b"log ", b"witness b "):
        try:
            policy = Policy.parse(start + data + b"\nquorum none")
        except FormatError:
            continue
        assert policy.quorum is None
