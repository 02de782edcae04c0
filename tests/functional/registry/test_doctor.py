"""The doctor says what is broken and what to do, changes nothing, and keeps passwords to itself."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from byleave.registry.database import Database
from byleave.registry.doctor import EXTRAS, Finding, check
from byleave.settings import Settings

pytestmark = pytest.mark.functional
ROOT = Path(__file__).parents[3]


def found(settings: Settings, name: str) -> Finding:
    (finding,) = [finding for finding in check(settings) if finding.name == name]
    return finding


def test_a_running_database_is_asked(database: Database, registry_settings: Settings) -> None:
    finding = found(registry_settings, "database")
    assert finding.state == "ok"
    assert "PostgreSQL 18, tables of revision" in finding.detail


def test_looking_at_a_home_that_is_not_there_makes_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    findings = check(Settings(home=home))
    assert {finding.state for finding in findings if finding.name in {"home", "database"}} == {"ok"}
    assert not home.exists()


def test_a_password_is_never_said(tmp_path: Path) -> None:
    url = "postgresql://mara:hunter2@127.0.0.1:1/registry?password=hunter2"
    finding = found(Settings(home=tmp_path, database_url=url), "database")
    assert finding.state == "broken"
    assert "127.0.0.1:1/registry" in finding.detail
    assert "hunter2" not in repr(finding)


def test_what_is_no_database_url_is_broken(tmp_path: Path) -> None:
    finding = found(Settings(home=tmp_path, database_url="mysql://mara:hunter2@host/x"), "database")
    assert (finding.state, "hunter2" in repr(finding)) == ("broken", False)


def test_mail_is_tried_out_and_its_password_never_said(tmp_path: Path) -> None:
    assert found(Settings(home=tmp_path), "mail").state == "warning"
    for url in ("smtp://mara:hunter2@localhost:1", "smtp://mara:hunter2@localhost:x"):
        finding = found(Settings(home=tmp_path, smtp_url=url, mail_from="post@registry.example"), "mail")
        assert finding.state == "broken"
        assert "hunter2" not in repr(finding)


def test_a_home_that_others_can_change_is_a_warning(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    finding = found(Settings(home=tmp_path), "home")
    assert finding.state == "warning"
    assert finding.remedy.startswith("run: chmod")


def test_a_database_folder_open_to_others_is_broken(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir(mode=0o755)
    finding = found(Settings(home=tmp_path), "database folder")
    assert finding.state == "broken"
    assert "chmod 700" in finding.remedy


@pytest.mark.parametrize("extra", EXTRAS)
def test_the_packages_of_every_extra_are_those_of_the_project_file(extra: str, tmp_path: Path) -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"][extra]
    names = {name.partition(">")[0].partition("[")[0] for name in declared}
    assert set(EXTRAS[extra]) == names - {"byleave"}
    assert found(Settings(home=tmp_path), f"extra {extra}").state == "ok"


def test_the_doctor_comes_without_the_database_packages() -> None:
    program = "import sys, byleave.registry.doctor; print([m for m in ('sqlalchemy', 'psycopg') if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(ROOT / "src")},
    )
    assert done.stdout.strip() == "[]"
