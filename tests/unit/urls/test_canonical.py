"""One link has one form, whoever writes it down."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from byleave.errors import FormatError
from byleave.urls import (
    canonical,
    canonical_host,
    canonical_prefix,
    canonical_url,
    canonical_urls,
    host_of,
    with_scheme,
)
from byleave.urls.canonical import MAX_URL_BYTES

FORMS = [
    ("https://example.com", "example.com/"),
    ("http://example.com/", "example.com/"),
    ("HTTPS://EXAMPLE.COM/A/b", "example.com/A/b"),
    ("  https://example.com/a\n", "example.com/a"),
    ("https://example.com/a\tb", "example.com/ab"),
    ("https:example.com/a", "example.com/a"),
    ("https:\\\\example.com\\a", "example.com/a"),
    # ports
    ("http://example.com:80/a", "example.com/a"),
    ("https://example.com:443/a", "example.com/a"),
    ("http://example.com:443/a", "example.com/a"),
    ("https://example.com:80/a", "example.com/a"),
    ("https://example.com:8443/a", "example.com:8443/a"),
    ("https://example.com:/a", "example.com/a"),
    # international names
    ("https://bücher.example/ä", "xn--bcher-kva.example/%C3%A4"),
    ("https://BÜCHER.example/", "xn--bcher-kva.example/"),
    ("https://faß.example/", "xn--fa-hia.example/"),
    ("https://example。com/a", "example.com/a"),
    # leading www.
    ("https://www.example.com/a", "example.com/a"),
    ("https://www.www.example.com/a", "example.com/a"),
    ("https://www.com/a", "www.com/a"),
    ("https://www.co.uk/a", "co.uk/a"),
    ("https://www2.example.com/a", "www2.example.com/a"),
    ("https://example.com/www.a", "example.com/www.a"),
    # escapes
    ("https://example.com/%7euser", "example.com/~user"),
    ("https://example.com/%41%2d%2f", "example.com/A-%2F"),
    ("https://example.com/%2541", "example.com/%2541"),
    ("https://example.com/%%34%31", "example.com/A"),
    ("https://example.com/100%", "example.com/100%"),
    ("https://example.com/a b", "example.com/a%20b"),
    ("https://example.com/a+b", "example.com/a+b"),
    ("https://example.com/?q=%c3%a4&r=%7E", "example.com/?q=%C3%A4&r=~"),
    ("https://example.com/a\x00b", "example.com/a%00b"),
    # entities
    ("https://example.com/?a=1&amp;b=2", "example.com/?a=1&b=2"),
    ("https://example.com/?a=1&amp;amp;b=2", "example.com/?a=1&b=2"),
    ("https://example.com/?a=1&%61mp;b=2", "example.com/?a=1&b=2"),
    # dot segments
    ("https://example.com/a/./b/../c", "example.com/a/c"),
    ("https://example.com/a/%2e%2E/c", "example.com/c"),
    ("https://example.com/../../c", "example.com/c"),
    ("https://example.com/a//b", "example.com/a//b"),
    # what is dropped
    ("https://user:secret@example.com/a", "example.com/a"),
    ("https://example.com/a#part", "example.com/a"),
    ("https://example.com/a?", "example.com/a"),
    ("https://example.com/a?#part", "example.com/a"),
    ("https://example.com./a", "example.com/a"),
    ("https://example.com../a", "example.com/a"),
    ("https://example.com/a?b?c", "example.com/a?b?c"),
    # addresses
    ("http://127.0.0.1/a", "127.0.0.1/a"),
    ("http://0x7f.1/a", "127.0.0.1/a"),
    ("http://0177.0.0.1/a", "127.0.0.1/a"),
    ("http://2130706433/a", "127.0.0.1/a"),
    ("http://[::1]:8080/a", "[::1]:8080/a"),
    ("http://[2001:DB8:0:0::1]/a", "[2001:db8::1]/a"),
    ("http://[::ffff:1.2.3.4]/a", "[::ffff:102:304]/a"),
]

NO_LINKS = [
    "",
    " ",
    "example.com/a",
    "//example.com/a",
    "/a",
    "ftp://example.com/a",
    "file:///etc/passwd",
    "data:text/plain,hello",
    "javascript:alert(1)",
    "mailto:a@example.com",
    "https://",
    "https://.",
    "https://exa mple.com/",
    "https://example.com:99999/",
    "https://1.2.3.4.5/",
    "https://[::1/",
    "https://xn--/",
    "https://a%00b/",
    "https://example.com/\udcff",
    "https://example.com/" + "a" * MAX_URL_BYTES,
    "NULL",
]


@pytest.mark.parametrize(("raw", "form"), FORMS)
def test_a_link_has_this_canonical_form(raw: str, form: str) -> None:
    assert canonical_url(raw) == form


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("form", sorted({form for _, form in FORMS}))
def test_a_canonical_form_is_its_own_canonical_form_under_either_scheme(form: str, scheme: str) -> None:
    assert canonical_url(f"{scheme}://{form}") == form


@pytest.mark.parametrize("raw", NO_LINKS)
def test_what_is_no_web_link_is_refused_with_a_remedy(raw: str) -> None:
    with pytest.raises(FormatError) as refused:
        canonical_url(raw)
    assert refused.value.remedy


def test_many_links_at_once_have_the_forms_they_have_alone_and_none_where_they_are_refused() -> None:
    links = [*(raw for raw, _ in FORMS), *NO_LINKS, FORMS[0][0]]
    assert canonical_urls(links) == [*(form for _, form in FORMS), *(None for _ in NO_LINKS), FORMS[0][1]]


PIECES = st.sampled_from(
    [
        "www.",
        "&amp;",
        "amp;",
        "%",
        "%2e",
        "%25",
        "%61",
        "%3F",
        "/",
        "..",
        ".",
        "?",
        "#",
        "&",
        ":",
        "80",
        "443",
        "@",
        "[",
        "]",
        "ä",
        "xn--",
        "a",
        "A",
        "0x7f",
        "1",
        " ",
        "'",
        '"',
        "\\",
        "\x00",
        "；",
        "。",
    ]
)
ODD_LINKS = st.builds(
    lambda scheme, pieces: scheme + "".join(pieces),
    st.sampled_from(["http://", "https://", "https://example.com/", "http://www.a.example", ""]),
    st.lists(PIECES | st.text(max_size=3), max_size=12),
)


@given(ODD_LINKS, st.sampled_from(["http", "https"]))
def test_a_form_never_changes_again(raw: str, scheme: str) -> None:
    try:
        form = canonical_url(raw)
    except FormatError:
        return
    assert canonical_url(f"{scheme}://{form}") == form


@given(st.text() | ODD_LINKS | st.text(st.characters(), max_size=20).map("https://".__add__))
def test_any_text_has_a_form_or_is_refused(raw: str) -> None:
    for read in (canonical_url, canonical_prefix, canonical_host):
        try:
            form = read(raw)
        except FormatError:
            continue
        assert form
        assert "#" not in form
        assert "@" not in host_of(form)


@pytest.mark.parametrize(
    ("raw", "prefix"),
    [
        ("example.com/artist", "example.com/artist/"),
        ("https://www.example.com/artist/", "example.com/artist/"),
        ("example.com/artist?page=2", "example.com/artist/"),
        ("example.com", "example.com/"),
        ("example.com:8080/a", "example.com:8080/a/"),
    ],
)
def test_a_path_prefix_ends_in_a_slash_so_it_covers_no_sibling(raw: str, prefix: str) -> None:
    assert canonical_prefix(raw) == prefix


@pytest.mark.parametrize(
    ("raw", "host"),
    [
        ("Example.COM", "example.com"),
        ("www.example.com.", "example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
    ],
)
def test_a_host_name_is_read_as_people_write_it(raw: str, host: str) -> None:
    assert canonical_host(raw) == host


@pytest.mark.parametrize(
    "raw",
    ["example.com/a", "example.com?a", "example.com:8080", "https://example.com:8443/", "me@example.com"],
)
def test_a_host_name_with_anything_more_is_refused(raw: str) -> None:
    with pytest.raises(FormatError):
        canonical_host(raw)


@pytest.mark.parametrize(
    ("canonical", "host"),
    [
        ("example.com/a:b/c", "example.com"),
        ("example.com:8080/a", "example.com"),
        ("[::1]:8080/a", "[::1]"),
        ("[2001:db8::1]/a", "[2001:db8::1]"),
        ("example.com", "example.com"),
    ],
)
def test_the_host_of_a_canonical_link_has_no_port(canonical: str, host: str) -> None:
    assert host_of(canonical) == host


def test_a_scheme_is_put_only_where_none_stands() -> None:
    assert with_scheme(" example.com:8080/a ") == "https://example.com:8080/a"
    assert with_scheme("ftp://example.com") == "ftp://example.com"


LABELS = st.sampled_from(["a", "www", "xn", "example", "com", "0", "-", "b-c", "1a", "co", "uk"])
PATHS = st.text(alphabet="aZ09/_.~!$()*+,;=:@&-?", max_size=20)


@settings(max_examples=300, suppress_health_check=[HealthCheck.filter_too_much])
@given(
    st.sampled_from(["http://", "https://"]),
    st.lists(LABELS, min_size=1, max_size=4).map(".".join),
    PATHS,
)
def test_the_short_way_for_plain_links_leads_where_the_steps_lead(scheme: str, host: str, path: str) -> None:
    raw = f"{scheme}{host}/{path}"
    plain = canonical._PLAIN.fullmatch(raw)
    assume(plain is not None and "/." not in raw and "&amp;" not in raw)
    stepped = canonical._once(raw)
    while (again := canonical._once(f"https://{stepped}")) != stepped:
        stepped = again
    assert canonical_url(raw) == stepped


@pytest.mark.parametrize(
    "raw",
    ["https://www.a.example/b/c_d-e.jpg?f=1&g=2", "http://a.example/", "https://cdn.a.example/~x/(1).png"],
)
def test_most_links_take_the_short_way(raw: str) -> None:
    assert canonical._PLAIN.fullmatch(raw)
