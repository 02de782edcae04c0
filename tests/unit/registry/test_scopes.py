"""How far a proof reaches: never above its path, never beyond what one party registered."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byleave.consent import Evidence, TargetKind
from byleave.errors import InputError, RefusedError
from byleave.registry.places import (
    Place,
    domain_place,
    host_place,
    named_place,
    page_place,
    prefix_place,
    tenant_named,
    tenant_place,
    url_place,
)
from byleave.registry.scopes import Confirmed, Method
from byleave.registry.targets import Target, domain_target, prefix_target, url_target

SEGMENT = st.text("abc", min_size=1, max_size=3)
PATHS = st.lists(SEGMENT, min_size=1, max_size=4)


def shown(*places: Place, method: Method = Method.DNS, level: Evidence = Evidence.E3) -> Confirmed:
    return Confirmed((place, method, level) for place in places)


def level(confirmed: Confirmed, target: Target) -> Evidence:
    return confirmed.level(target.kind, target.digest, target.value)


@given(proven=PATHS, claimed=PATHS)
def test_a_proof_at_a_path_reaches_what_is_below_it_and_nothing_else(
    proven: list[str], claimed: list[str]
) -> None:
    confirmed = shown(prefix_place("jane.example/" + "/".join(proven) + "/"), level=Evidence.E2)
    reached = claimed[: len(proven)] == proven
    link = "jane.example/" + "/".join(claimed)
    assert (level(confirmed, url_target(link)) is Evidence.E2) == reached
    assert (level(confirmed, prefix_target(link)) is Evidence.E2) == reached
    assert level(confirmed, domain_target("jane.example")) is Evidence.E0


@given(proven=PATHS, claimed=PATHS)
def test_a_domain_reaches_itself_and_what_is_below_and_nothing_beside_or_above(
    proven: list[str], claimed: list[str]
) -> None:
    confirmed = shown(domain_place(".".join([*proven, "jane", "example"])))
    host = ".".join([*claimed, "jane", "example"])
    reached = claimed[-len(proven) :] == proven
    for target in (domain_target(host), url_target(f"{host}/a"), prefix_target(f"{host}/a")):
        assert (level(confirmed, target) is Evidence.E3) == reached


@pytest.mark.parametrize(
    ("domain", "link", "reached"),
    [
        ("jane.example", "https://www.jane.example/a", True),
        ("jane.example", "https://jane.example:8080/a", True),
        ("jane.github.io", "https://jane.github.io/a", True),
        ("jane.github.io", "https://mallory.github.io/a", False),
        ("jane.example", "https://notjane.example/a", False),
        ("jane.example", "https://jane.example.mallory.example/a", False),
    ],
)
def test_where_a_domain_ends(domain: str, link: str, *, reached: bool) -> None:
    assert (level(shown(domain_place(domain)), url_target(link)) is Evidence.E3) == reached


def test_a_domain_does_not_reach_names_that_others_register_below_it() -> None:
    """`amazonaws.com` is one party's; `s3.amazonaws.com` hands out names below itself to everybody."""
    confirmed = shown(Place(TargetKind.DOMAIN, "amazonaws.com", b""))
    assert level(confirmed, url_target("https://jane.s3.amazonaws.com/a")) is Evidence.E0
    assert level(confirmed, url_target("https://docs.amazonaws.com/a")) is Evidence.E3


def test_a_host_reaches_its_own_pages_on_the_usual_ports_only() -> None:
    confirmed = shown(host_place("art.jane.example"))
    assert level(confirmed, url_target("art.jane.example/a")) is Evidence.E3
    assert confirmed.level(TargetKind.HOST, b"", "art.jane.example") is Evidence.E3
    for other in ("art.jane.example:8080/a", "jane.example/a", "x.art.jane.example/a"):
        assert level(confirmed, url_target(other)) is Evidence.E0
    assert level(confirmed, domain_target("art.jane.example")) is Evidence.E0


def test_case_counts_on_a_site_and_not_in_the_names_of_a_platform() -> None:
    confirmed = shown(tenant_place("deviantart.com/Jane"), url_place("jane.example/A"))
    assert level(confirmed, url_target("https://www.deviantart.com/jane/art/b")) is Evidence.E3
    assert level(confirmed, url_target("https://www.deviantart.com/janet/art/b")) is Evidence.E0
    assert level(confirmed, url_target("jane.example/A")) is Evidence.E3
    assert level(confirmed, url_target("jane.example/a")) is Evidence.E0


def test_only_the_page_of_a_person_climbs_to_all_below_it() -> None:
    assert page_place("https://www.deviantart.com/jane").kind is TargetKind.PREFIX
    assert page_place("https://www.deviantart.com/jane/art/a").kind is TargetKind.URL
    assert page_place("https://jane.example/").kind is TargetKind.URL
    assert page_place("https://jane.tumblr.com/").value == "jane.tumblr.com/"


def test_a_name_on_a_platform_is_its_path_there() -> None:
    assert tenant_named("flickr.com", "12345@N00").value == "flickr.com/photos/12345@N00/"
    assert tenant_named("tumblr.com", "jane").value == "jane.tumblr.com/"
    for name in ("", "../x", "a/b", "a?b", "a b", "." * 101):
        with pytest.raises(InputError):
            tenant_named("flickr.com", name)


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        ("jane.example", TargetKind.DOMAIN),
        ("deviantart.com/jane", TargetKind.PREFIX),
        ("https://jane.example/work/", TargetKind.PREFIX),
        ("https://jane.example/a.jpg", TargetKind.URL),
    ],
)
def test_what_is_meant_by_a_name(raw: str, kind: TargetKind) -> None:
    assert named_place(raw).kind is kind


def test_nobody_is_named_by_a_platform_itself() -> None:
    with pytest.raises(RefusedError):
        named_place("deviantart.com")
