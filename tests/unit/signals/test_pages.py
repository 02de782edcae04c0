"""What a page says in its head and by its links, and what strangers write in its body."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byleave.signals import identities, pages

LINE = b'<meta name="byleave-verification" content="t">'
NAME = "byleave-verification"


@pytest.mark.parametrize(
    "page",
    [
        b"<head>%s</head>",
        b"<!doctype html><html><head><title>a</title>%s</head><body>b",
        b"%s<p>a",
        b"<head></head>%s<body>",  # browsers move it into the head
        b"<head>" + LINE.upper().replace(b'"T"', b'"t"') + b"%s</head>",
    ],
)
def test_a_line_in_the_head_is_found(page: bytes) -> None:
    assert "t" in pages.meta_values(page.replace(b"%s", LINE), NAME)


@pytest.mark.parametrize(
    "page",
    [
        b"<body>%s",
        b"<p>a%s",
        b"<head><title>%s</title></head>",
        b"<head><!-- %s --></head>",
        b"<head><noscript>%s</noscript></head>",
        b"<head><template>%s</template></head>",
        b"<head><script>'%s'</script></head>",
        b"<head><style>%s</style></head>",
        b"<head></head><body><svg><head>%s</head></svg>",
        b"<head></head><body><iframe srcdoc='%s'></iframe>",
        b"a comment<head>%s</head>",
        b"",
        b"\xff\xfe",
    ],
)
def test_a_line_anywhere_else_is_not(page: bytes) -> None:
    assert pages.meta_values(page.replace(b"%s", LINE), NAME) == ()


@given(st.text())
def test_what_is_written_into_a_body_never_reaches_the_head(comment: str) -> None:
    page = f"<!doctype html><html><head><title>a</title></head><body><p>{comment}{LINE.decode()}</p></body></html>"
    assert pages.meta_values(page.encode("utf-8", "replace"), NAME) == ()


def test_descriptions_are_those_of_the_head() -> None:
    page = b"""<head><meta name=description content=one><meta property="og:description" content=two></head>
        <body><meta name=description content=three>four"""
    assert pages.descriptions(page) == ("one", "two")


def test_links_are_canonical_and_may_need_a_word() -> None:
    page = b"""<a rel="nofollow ME" href="https://WWW.jane.example/a">x</a><a href="/b">y</a>
        <link rel="me" href="//bob.example"><a rel=me href="mailto:a@b.c">z</a><a rel=me href="javascript:1">w</a>"""
    assert pages.links(page, "https://h.example/c/", rel="me") == {"jane.example/a", "bob.example/"}
    assert "h.example/b" in pages.links(page, "https://h.example/c/")


@given(st.binary(max_size=300))
def test_any_bytes_are_read_without_a_fault(page: bytes) -> None:
    assert all(isinstance(text, str) for text in (*pages.meta_values(page, NAME), *pages.descriptions(page)))
    assert all("/" in link for link in pages.links(page, "https://h.example/"))


DID = "did:plc:" + "a2" * 12


def test_a_name_leads_to_one_identity_or_none() -> None:
    assert identities.did_in_txt([[b"did=", DID.encode()]]) == DID
    assert identities.did_in_txt([[f"did={DID}".encode()], [b"v=spf1"]]) == DID
    assert identities.did_in_txt([[f"did={DID}".encode()], [b"did=did:web:a.example"]]) is None
    assert identities.did_in_file(DID.encode() + b"\n") == DID
    for body in (b"", b"did:plc:short", b"did:key:z6", b"<html>", b"did:web:../x"):
        assert identities.did_in_file(body) is None


def test_only_the_first_name_of_an_identity_counts() -> None:
    body = b'{"id": "%s", "alsoKnownAs": ["at://a.example", "at://b.example"]}' % DID.encode()
    assert identities.read_identity(body) == identities.Identity(DID, "a.example", None)
