"""The compiled pass gives the answers of ``byleave.urls`` and ``byleave.consent``, for odd links as for plain ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.unit.apply.worlds import NOW, row, ruleset_of

from byleave.apply.judging import Terms
from byleave.apply.listing import Listing, Taken
from byleave.apply.matching import Matcher, link_buffers
from byleave.apply.tally import Tally
from byleave.apply.verdicts import Verdicts, kept
from byleave.consent import (
    ALLOW_FROM,
    Cause,
    ClaimState,
    Evidence,
    Preference,
    Preferences,
    Regime,
    Standard,
    Statement,
    TargetKind,
    Use,
    decide,
)
from byleave.errors import FormatError
from byleave.release.rows import Row
from byleave.urls import (
    canonical_url,
    domain_digest,
    domains_of,
    host_digest,
    host_of,
    item_id_of_url,
    prefix_digest,
    prefixes_of,
    url_digest,
)
from byleave.urls.bulk.links import canonical, new_classes

SLOW = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

PIECES = [
    "a",
    "b.example",
    "c.b.example",
    "www.",
    "www.b.example",
    "x.org",
    "B.Example",
    "é.example",
    "xn--9ca.example",
    "1.2.3.4",
    "[::1]",
    "0x7f",
    "co.uk",
    ".",
    "..",
    "/",
    "//",
    "/a",
    "/a/",
    "/b",
    "%41",
    "%2e",
    "%2F",
    "%7e",
    "%e9",
    "%",
    "%zz",
    "&amp;",
    "&",
    "&amp;amp;",
    "?",
    "#",
    "'",
    ";",
    "=",
    "+",
    "|",
    "\\",
    "@",
    "u:p@",
    ":",
    ":80",
    ":443",
    ":8080",
    "~",
    "_",
    "-",
    "<",
    ">",
    "{",
    "}",
    "^",
    "`",
    "ü",
    "日本",
    "xn--",
    "x",
    "xn",
    "r3---sn.",
]
texts = st.lists(st.sampled_from([*PIECES, " ", "\t", "\n", "\0"]), max_size=8).map("".join)
links = st.builds(
    "".join,
    st.tuples(st.sampled_from(["http://", "https://", "HTTP://", "http:/", "https:", "ftp://", ""]), texts),
)


def canonical_or_none(raw: str) -> str | None:
    try:
        return canonical_url(raw)
    except FormatError:
        return None


class TestCanonicalForm:
    """What the loop calls plain, it writes as ``canonical_url`` does; the rest it hands back."""

    CLASSES = new_classes()
    LINE = np.zeros(40_000, np.uint8)

    def plainly(self, raw: str) -> str | None:
        data = np.frombuffer(raw.encode() or b"\0", np.uint8)
        host_end, end, first, last = canonical(data, 0, len(raw.encode()), self.LINE, 0, self.CLASSES)
        if host_end < 0:
            return None
        text = self.LINE[:end].tobytes().decode()
        assert data[first:last].tobytes() == text[:host_end].encode()
        return text

    @SLOW
    @given(links)
    @example("https://www.b.example/%7Ea/%2F?x=1&amp;y='#z")
    @example("http://a?")
    @example("http://a?#")
    @example("http://a.example/.hidden")
    @example("http://a.example/%2e%2e/b")
    @example("http://a.example/%")
    @example("http://a.example/%4")
    @example("http://a.example./")
    @example("http://www.example/")
    @example("http://example.1/")
    def test_a_plain_link_has_the_form_that_urls_gives(self, raw: str) -> None:
        text = self.plainly(raw)
        assert text is None or text == canonical_url(raw)

    @pytest.mark.parametrize(
        "raw",
        [
            "http://example.com",
            "https://www.example.com/a/b.jpg?x=1&amp;y=2#top",
            "https://i.example.com/%20a%C3%A9/b~c",
            "http://example.com/a/b..c/it's",
            "https://a-b.example.co.uk/?q=.&r=..",
        ],
    )
    def test_usual_links_take_the_fast_way(self, raw: str) -> None:
        assert self.plainly(raw) == canonical_url(raw)

    @pytest.mark.parametrize("size", [8192, 8193])
    def test_the_longest_link_is_the_same_on_both_ways(self, size: int) -> None:
        raw = "http://a.example/" + "b" * (size - 17)
        assert (self.plainly(raw) is None) == (canonical_or_none(raw) is None)


VALUES: dict[TargetKind, list[str | bytes]] = {
    TargetKind.URL: [
        "http://b.example/a",
        "http://c.b.example/a/?q",
        "http://x.org/",
        "http://[::1]/",
        "http://b.example:8080/a",
    ],
    TargetKind.PREFIX: ["b.example/", "b.example/a", "c.b.example/a/b", "b.example:8080/a", "x.org/a//"],
    TargetKind.HOST: ["b.example", "c.b.example", "x.org", "[::1]"],
    TargetKind.DOMAIN: ["b.example", "example", "c.b.example", "org"],
    TargetKind.DIGEST: [bytes([1]) * 32, bytes([2]) * 32],
}
preferences = st.builds(Preferences, *[st.sampled_from(list(Preference))] * 6)
times = st.sampled_from([NOW - timedelta(days=9), NOW, NOW + timedelta(seconds=1)])


@st.composite
def release_rows(draw: st.DrawFn) -> list[Row]:
    """Draw rows in which claimants repeat themselves on the same targets."""
    rows = []
    for number in range(1, draw(st.integers(0, 12)) + 1):
        kind = draw(st.sampled_from(list(VALUES)))
        rows.append(
            row(
                number,
                kind,
                draw(st.sampled_from(VALUES[kind])),
                claimant=draw(st.integers(1, 3)),
                preferences=draw(preferences),
                evidence=draw(st.sampled_from(list(Evidence))),
                state=draw(st.sampled_from([ClaimState.EFFECTIVE, ClaimState.FILED])),
                effective_at=draw(st.none() | times),
                expires_at=draw(st.none() | times),
                disputed=draw(st.booleans()),
                stale=draw(st.booleans()),
            )
        )
    return rows


hosts = st.sampled_from(
    [
        "b.example",
        "www.b.example",
        "c.b.example",
        "d.c.b.example",
        "x.org",
        "[::1]",
        "B.example",
        "b.example:8080",
    ]
)
paths = st.sampled_from(
    ["", "/", "/a", "/a/", "/a/?q", "/a?q", "/a/b/c", "/a//", "/%61", "/x/../a", "/ab", "/é"]
)
dataset_links = st.none() | st.builds("http://{}{}".format, hosts, paths) | links
dataset_rows = st.lists(
    st.tuples(dataset_links, st.sampled_from([None, "", "01" * 32, "02" * 32, "03" * 32, "zz"])), max_size=8
)


standards = st.builds(
    Standard,
    st.sampled_from(Evidence),
    st.sampled_from(Evidence),
    st.sampled_from([level for level in Evidence if level >= ALLOW_FROM]),
    st.none() | times,
)


def covering(statements: Sequence[Statement], raw: str | None, digest: str | None) -> list[Statement]:
    """Find, one by one and by ``byleave.urls`` alone, the statements whose target covers a row."""
    digests: set[tuple[TargetKind, bytes]] = set()
    text = canonical_or_none(raw) if raw is not None else None
    if text is not None:
        host = host_of(text)
        digests |= {(TargetKind.URL, url_digest(text)), (TargetKind.HOST, host_digest(host))}
        digests |= {(TargetKind.DOMAIN, domain_digest(domain)) for domain in domains_of(host)}
        digests |= {(TargetKind.PREFIX, prefix_digest(prefix)) for prefix in prefixes_of(text)}
    if digest and digest != "zz":
        digests.add((TargetKind.DIGEST, bytes.fromhex(digest)))
    return [said for said in statements if (said.kind, said.digest) in digests]


def faults_of(raw: str | None, digest: str | None) -> list[str]:
    bad_digest = digest == "zz"
    bad_link = not digest if raw is None else canonical_or_none(raw) is None
    return ["url"] * bad_link + ["digest"] * bad_digest


def _told(cause: Cause) -> tuple[str | None, ...]:
    return cause.kind.value, cause.reference, cause.use.value if cause.use else None, cause.preference.word


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(
    rows=release_rows(),
    dataset=dataset_rows,
    uses=st.lists(st.sampled_from(list(Use)), min_size=1, max_size=3, unique=True),
    with_pending=st.booleans(),
    standard=standards,
)
def test_a_batch_is_decided_as_every_row_alone_would_be(
    *,
    rows: list[Row],
    dataset: list[tuple[str | None, str | None]],
    uses: list[Use],
    with_pending: bool,
    standard: Standard,
) -> None:
    with TemporaryDirectory() as folder:
        ruleset = ruleset_of(rows, Path(folder))
        terms = Terms(tuple(uses), NOW, with_pending, standard)
        verdicts = Verdicts(ruleset, None, terms)
        size = len(dataset)
        matched = Matcher(ruleset, None).match(
            pa.array([raw for raw, _ in dataset], pa.string()),
            pa.array([d for _, d in dataset], pa.string()),
            size,
        )
        answers = verdicts.answers(matched.rows, matched.targets, size)
        faulty = matched.bad_link | matched.bad_digest
        stays = {regime: kept(answers, faulty, regime) for regime in Regime}
        statements = [one.statement for one in rows]
        expected: dict[Regime, list[list[tuple[str | None, ...]]]] = {regime: [] for regime in Regime}
        for place, (raw, digest) in enumerate(dataset):
            faults = faults_of(raw, digest)
            for regime in Regime:
                decision = decide(
                    covering(statements, raw, digest),
                    uses=uses,
                    regime=regime,
                    at=NOW,
                    faults=faults,
                    with_pending_refusals=with_pending,
                    standard=standard,
                )
                assert stays[regime][place] == decision.keep
                expected[regime].append([] if decision.keep else [_told(cause) for cause in decision.causes])
            text = canonical_or_none(raw) if raw is not None else None
            if text is not None:
                assert matched.items[place].tobytes() == item_id_of_url(text)
                assert matched.host(place) == host_of(text)
        for regime in (Regime.OPT_OUT, Regime.OPT_IN):
            taken = Taken(
                matched, np.flatnonzero(~stays[regime]), np.zeros(int((~stays[regime]).sum()), bool)
            )
            tally = Tally()
            listed = Listing(ruleset, None, verdicts, regime).batch(taken, "f", 0, tally)
            tally.cut_names()
            causes = [told for told in expected[regime] if told]
            assert [
                [(c["kind"], c["reference"], c["use"], c["preference"]) for c in row]
                for row in listed.column("causes").to_pylist()
            ] == causes
            claims = Counter(name for told in causes for name in {c[1] for c in told if c[0] == "claim"})
            assert tally.claims == claims
            kinds = Counter(kind for told in causes for kind in {(c[0], c[2], c[3]) for c in told})
            counted = {tuple(key.split("|")[:3]) for key in tally.causes}
            assert counted == {(kind, use or "", preference) for kind, use, preference in kinds}
            assert sum(tally.hosts.values()) == len(causes)
            assert all(
                sum(n for k, n in tally.causes.items() if k.startswith(f"{kind}|{use or ''}|{p}|")) >= n0
                for (kind, use, p), n0 in kinds.items()
            )


class TestColumns:
    """The pass reads the bytes of any column of text, and nothing but the rows asked for."""

    URLS = ("http://b.example/a", None, "http://nobody.example/", "http://b.example/é", "")

    def hits(self, column: pa.Array, tmp_path: Path) -> list[int]:
        ruleset = ruleset_of([row(1, TargetKind.HOST, "b.example")], tmp_path)
        matched = Matcher(ruleset, None).match(column, None, len(column))
        assert matched.bad_link.tolist() == [
            url is None or url == "" for url in column.cast(pa.string()).to_pylist()
        ]
        return [int(place) for place in matched.rows]

    @pytest.mark.parametrize(
        "kind", [pa.string(), pa.large_string(), pa.binary(), pa.large_binary(), pa.string_view()]
    )
    def test_any_type_of_text_is_read(self, kind: pa.DataType, tmp_path: Path) -> None:
        column = pa.array(self.URLS, pa.string()).cast(kind)
        assert self.hits(column, tmp_path) == [0, 3]

    def test_a_dictionary_is_read(self, tmp_path: Path) -> None:
        assert self.hits(pa.array(self.URLS).dictionary_encode(), tmp_path) == [0, 3]

    def test_a_slice_begins_where_it_begins(self, tmp_path: Path) -> None:
        assert self.hits(pa.array(self.URLS).slice(2, 2), tmp_path) == [1]
        assert self.hits(pa.array(self.URLS).dictionary_encode().slice(3), tmp_path) == [0]

    def test_no_rows_give_no_hits(self, tmp_path: Path) -> None:
        assert self.hits(pa.array([], pa.string()), tmp_path) == []

    def test_numbers_are_no_links(self) -> None:
        with pytest.raises(FormatError, match="not text"):
            link_buffers(pa.array([1, 2]))


def test_a_link_of_thousands_of_segments_hits_every_prefix_and_takes_no_long_time(tmp_path: Path) -> None:
    prefixes = ["b.example/" + "a/" * depth for depth in range(1, 400)]
    ruleset = ruleset_of(
        [row(n + 1, TargetKind.PREFIX, prefix) for n, prefix in enumerate(prefixes)], tmp_path
    )
    column = pa.array(["http://b.example/" + "a/" * 4000] * 50)
    matched = Matcher(ruleset, None).match(column, None, 50)
    assert np.bincount(matched.rows).tolist() == [399] * 50
