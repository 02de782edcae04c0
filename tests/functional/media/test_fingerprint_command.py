"""`byleave fingerprint` as a stranger runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from tests.unit.media.pictures import encoded, photo
from typer.testing import CliRunner

from byleave.cli.fingerprint import fingerprint
from byleave.errors import InputError
from byleave.fingerprints import PICTURE_VERSION

pytestmark = pytest.mark.functional


@pytest.fixture
def command() -> typer.Typer:
    app = typer.Typer()
    app.command()(fingerprint)
    return app


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    file = tmp_path / "picture.jpg"
    file.write_bytes(encoded(photo(7, (640, 480))))
    return file


def test_prints_one_json_object_a_line(command: typer.Typer, picture: Path) -> None:
    done = CliRunner().invoke(command, [str(picture), str(picture), "--json"])
    assert done.exit_code == 0
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert first == second
    assert list(first) == ["file", "width", "height", "sha256", "pdq", "quality", "dihedral", "picture"]
    assert (first["width"], first["height"], len(first["dihedral"])) == (640, 480, 8)
    assert first["dihedral"][0] == first["pdq"]
    assert first["picture"]["version"] == PICTURE_VERSION


def test_prints_a_readable_line_without_json(command: typer.Typer, picture: Path) -> None:
    done = CliRunner().invoke(command, [str(picture)])
    assert done.exit_code == 0
    assert str(picture) in done.stdout
    assert "quality" in done.stdout


def test_a_file_that_is_no_picture_is_named_and_the_others_are_printed(
    command: typer.Typer, picture: Path
) -> None:
    text = picture.with_name("text.jpg")
    text.write_text("no picture")
    done = CliRunner().invoke(command, [str(text), str(picture), "--json"])
    refused, read = (json.loads(line) for line in done.stdout.splitlines())
    assert (refused["file"], refused["error"]) == (str(text), "not_a_picture")
    assert read["quality"] > 0
    assert isinstance(done.exception, InputError)
    assert done.exception.exit_code == 2
