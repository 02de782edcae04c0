"""Of openclipart-svg only what is in the public domain, by a named person and no part of a series is used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from byleave.demo import openclipart
from byleave.demo.drawings import Collection
from byleave.demo.openclipart import ROOT, person
from byleave.errors import UnavailableError

Build = Callable[..., bytes]

NAME = "openclipart-svg_1%3a0.18+dfsg-19_all.deb"


def collected(deb: Build, folder: Path, files: dict[str, bytes]) -> Collection:
    (folder / NAME).write_bytes(deb({f"./{ROOT}{path}": content for path, content in files.items()}))
    return openclipart.collect(folder)


def test_a_drawing_comes_with_its_title_maker_tags_and_licence(
    tmp_path: Path, svg: Build, deb: Build
) -> None:
    [drawing] = collected(deb, tmp_path, {"animals/kite_01.svg": svg()}).drawings
    assert (drawing.name, drawing.title, drawing.creator) == ("animals/kite_01", "Red kite", "Anita")
    assert drawing.tags == ("bird", "kite")
    assert drawing.licence == "http://web.resource.org/cc/PublicDomain"


@pytest.mark.parametrize(
    "licence", ["", "http://creativecommons.org/licenses/GPL/2.0/", "https://example.com/mine"]
)
def test_a_licence_that_is_not_public_domain_is_left_out_and_counted(
    tmp_path: Path, licence: str, svg: Build, deb: Build
) -> None:
    found = collected(deb, tmp_path, {"animals/kite.svg": svg(licence=licence)})
    assert not found.drawings
    assert found.left_out == {"licence is not public domain": 1}


def test_a_drawing_without_any_credits_is_left_out(tmp_path: Path, deb: Build) -> None:
    found = collected(deb, tmp_path, {"a/b.svg": b'<svg xmlns="http://www.w3.org/2000/svg"/>'})
    assert found.left_out == {"licence is not public domain": 1}


@pytest.mark.parametrize(
    "path",
    ["signs_and_symbols/flags/europe/fr.svg", "recreation/games/cards/white/ace.svg", "shapes/stars/one.svg"],
)
def test_folders_of_series_are_left_out(tmp_path: Path, path: str, svg: Build, deb: Build) -> None:
    assert collected(deb, tmp_path, {path: svg()}).left_out == {"one of a series": 1}


def test_the_same_file_in_two_folders_is_one_drawing(tmp_path: Path, svg: Build, deb: Build) -> None:
    found = collected(deb, tmp_path, {"office/pin.svg": svg(), "education/pin.svg": svg()})
    assert [drawing.name for drawing in found.drawings] == ["education/pin"]
    assert found.left_out == {"the same file in another folder": 1}


def test_a_file_with_entities_is_never_expanded(tmp_path: Path, deb: Build) -> None:
    bomb = b'<!DOCTYPE svg [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><svg xmlns="http://www.w3.org/2000/svg">&b;</svg>'
    assert collected(deb, tmp_path, {"a/bomb.svg": bomb}).left_out == {"not readable XML": 1}


def test_a_title_shared_by_a_whole_series_gives_way_to_the_file_name(
    tmp_path: Path, svg: Build, deb: Build
) -> None:
    files = {f"food/pear_{n}_green.svg": svg(title="Various Cliparts", tags=(f"t{n}",)) for n in range(4)}
    assert {drawing.title for drawing in collected(deb, tmp_path, files).drawings} == {"pear green"}


@pytest.mark.parametrize(
    ("stated", "name"),
    [
        ("Jakob [chaos@example.com]", "Jakob"),
        ("zazou (dj@example.es", "zazou"),
        ("Martin Kozák <martin@example.cz>", "Martin Kozák"),
        ("Spencer Joplin, http://www.example.edu/~sj/", "Spencer Joplin"),
        ("Graig Smith - graig@example.org", "Graig Smith"),
        ("A.J. Ashton", "A.J. Ashton"),
        ("somebody@example.com", ""),
        ("Unknown", ""),
        ("HASH(0x89c79d4", ""),
        ("", ""),
    ],
)
def test_a_maker_is_a_name_and_never_an_address(stated: str, name: str) -> None:
    assert person(stated) == name


def test_a_maker_known_only_by_an_address_is_left_out(tmp_path: Path, svg: Build, deb: Build) -> None:
    found = collected(deb, tmp_path, {"a/b.svg": svg(creator="me@example.com")})
    assert found.left_out == {"maker is not named": 1}


def test_a_package_that_is_there_already_is_not_downloaded_again(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"anything")
    assert openclipart.download(tmp_path, apt_get="/nonexistent/apt-get") == tmp_path / NAME


def test_a_machine_without_apt_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="not on this machine"):
        openclipart.download(tmp_path, apt_get="no-such-apt-get")


def test_a_failing_apt_is_quoted_in_one_line(tmp_path: Path) -> None:
    apt_get = tmp_path / "apt-get"
    apt_get.write_text('#!/bin/sh\necho "E: Unable to locate package" >&2\nexit 100\n')
    apt_get.chmod(0o755)
    with pytest.raises(UnavailableError, match="Unable to locate package"):
        openclipart.download(tmp_path / "folder", apt_get=str(apt_get))


def test_apt_is_asked_again_with_lists_of_our_own_when_the_machine_has_none(tmp_path: Path) -> None:
    apt_get = tmp_path / "apt-get"
    apt_get.write_text(
        '#!/bin/sh\ncase "$*" in *Dir::State::Lists=*download*) echo deb > openclipart-svg_1_all.deb;;'
        " *update*) exit 0;; *) exit 100;; esac\n"
    )
    apt_get.chmod(0o755)
    assert openclipart.download(tmp_path / "folder", apt_get=str(apt_get)).name == "openclipart-svg_1_all.deb"
