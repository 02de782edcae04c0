"""The embedded server: one per home, closed to strangers, gone with its last user, back after any kill."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from tests.postgres import open_folder

from byleave.errors import ConflictError, RefusedError, UnavailableError
from byleave.registry.cluster import STATE_OF_ROOT
from byleave.registry.embedded import EmbeddedServer, find_server
from byleave.registry.postmaster import PORT, Postmaster

pytestmark = pytest.mark.functional

AS_ROOT = os.geteuid() == 0
NOBODY = 65534
SOURCES = Path(__file__).parents[3] / "src"

JOIN_AND_WAIT = """
import sys
from pathlib import Path
from byleave.registry.embedded import EmbeddedServer, find_server
server = EmbeddedServer.join(Path(sys.argv[1]))
print(find_server(Path(sys.argv[1])).pid, flush=True)
sys.stdin.readline()
server.leave()
"""


@pytest.fixture
def new_home() -> Iterator[Path]:
    """Give a place for a home that a server started by root can reach, so that everything is inside it."""
    with open_folder() as folder:
        yield folder / "home"
        forget(folder / "home")


@pytest.fixture(scope="module")
def made() -> Iterator[Path]:
    with open_folder() as folder:
        EmbeddedServer.join(folder / "home").leave()
        yield folder / "home"


@pytest.fixture
def home(new_home: Path, made: Path) -> Path:
    """Give a home with a database that was made before: a copy, which costs far less than making one."""
    subprocess.run(["cp", "-a", made, new_home], check=True)
    return new_home


def forget(home: Path) -> None:
    if find_server(home):
        kill_server(home)
    named = home / "postgres" / "cluster"
    if named.exists():
        shutil.rmtree(STATE_OF_ROOT / named.read_text().strip())


def kill_server(home: Path) -> None:
    os.kill(live(home).pid, signal.SIGKILL)
    while find_server(home):
        time.sleep(0.005)


def another_process(home: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", JOIN_AND_WAIT, str(home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": str(SOURCES)},
    )


def answer(server: EmbeddedServer) -> object:
    with psycopg.connect(**server.address.parameters()) as connection:
        row = connection.execute("SELECT current_user").fetchone()
    return row and row[0]


def live(home: Path) -> Postmaster:
    found = find_server(home)
    assert found is not None
    return found


def all_modes(folder: Path) -> dict[Path, int]:
    return {step: stat.S_IMODE(step.stat().st_mode) for step in (folder, *folder.parents)}


class TestUsers:
    def test_eight_starters_at_once_get_one_server(self, new_home: Path) -> None:
        starters = [another_process(new_home) for _ in range(8)]
        seen = {starter.stdout.readline().strip() for starter in starters if starter.stdout}
        assert seen == {str(live(new_home).pid)}
        for starter in starters:
            starter.communicate("\n", timeout=60)
        assert {starter.returncode for starter in starters} == {0}
        assert find_server(new_home) is None, "the last one out stops it"

    def test_the_last_one_out_stops_the_server_and_nobody_else(self, home: Path) -> None:
        first, second = EmbeddedServer.join(home), EmbeddedServer.join(home)
        first.leave()
        first.leave()
        assert answer(second) == "byleave"
        second.leave()
        assert find_server(home) is None

    def test_what_was_stored_is_there_the_next_time(self, home: Path) -> None:
        for statement in ("CREATE TABLE kept (word text)", "INSERT INTO kept VALUES ('no')"):
            server = EmbeddedServer.join(home)
            with psycopg.connect(**server.address.parameters()) as connection:
                connection.execute(statement)
            server.leave()
        server = EmbeddedServer.join(home)
        with psycopg.connect(**server.address.parameters()) as connection:
            assert connection.execute("SELECT word FROM kept").fetchall() == [("no",)]
        server.leave()


class TestKills:
    def test_a_server_whose_only_user_was_killed_is_adopted(self, home: Path) -> None:
        user = another_process(home)
        assert user.stdout is not None
        pid = int(user.stdout.readline())
        user.kill()
        user.communicate()
        server = EmbeddedServer.join(home)
        assert live(home).pid == pid
        server.leave()
        assert find_server(home) is None

    def test_after_a_kill_of_a_user_and_then_of_the_server_the_next_user_has_one(self, home: Path) -> None:
        user = another_process(home)
        assert user.stdout is not None
        pid = int(user.stdout.readline())
        user.kill()
        user.communicate()
        kill_server(home)
        server = EmbeddedServer.join(home)
        assert answer(server) == "byleave"
        assert live(home).pid != pid
        server.leave()

    def test_a_server_killed_under_its_users_is_revived_by_one_of_them(self, home: Path) -> None:
        server = EmbeddedServer.join(home)
        kill_server(home)
        server.revive()
        assert answer(server) == "byleave"
        server.leave()

    def test_a_pid_file_that_names_a_stranger_is_stale(self, home: Path) -> None:
        EmbeddedServer.join(home).leave()
        data = home / "postgres-data" / "data"
        stale = data / "postmaster.pid"
        stale.write_text(f"{os.getpid()}\n{data}\n1\n{PORT}\n/nowhere\n\n\nready   \n")
        server = EmbeddedServer.join(home)
        assert answer(server) == "byleave"
        server.leave()

    def test_a_database_that_was_half_made_is_made_again(self, new_home: Path) -> None:
        maker = another_process(new_home)
        deadline = time.monotonic() + 30
        while not list(new_home.glob("postgres-data/making-*/data")) and time.monotonic() < deadline:
            time.sleep(0.005)
        maker.kill()
        maker.communicate()
        server = EmbeddedServer.join(new_home)
        assert answer(server) == "byleave"
        server.leave()


class TestStrangers:
    def test_the_application_is_no_superuser_and_owns_its_database(self, home: Path) -> None:
        server = EmbeddedServer.join(home)
        with psycopg.connect(**server.address.parameters()) as connection:
            rights = connection.execute(
                "SELECT rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls FROM pg_roles"
                " WHERE rolname = current_user"
            ).fetchone()
            owner = connection.execute(
                "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"
            ).fetchone()
            login = connection.execute(
                "SELECT count(*) FROM pg_roles WHERE rolsuper AND rolcanlogin"
            ).fetchone()
            extensions = connection.execute("SELECT extname FROM pg_extension").fetchall()
            durable = [
                connection.execute(f"SHOW {name}").fetchone() for name in ("fsync", "synchronous_commit")
            ]
            ears = connection.execute("SHOW listen_addresses").fetchone()
        server.leave()
        assert rights == (False,) * 5
        assert owner == ("byleave",)
        assert login == (0,)
        assert extensions == [("plpgsql",)]
        assert durable == [("on",), ("on",)]
        assert ears == ("",)

    def test_every_way_in_asks_for_a_password(self, home: Path) -> None:
        server = EmbeddedServer.join(home)
        rules = (home / "postgres-data" / "data" / "pg_hba.conf").read_text().splitlines()
        methods = {rule.split()[-1] for rule in rules if rule and not rule.startswith("#")}
        without = {**server.address.parameters(), "password": "guessed"}
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(**without)
        server.leave()
        assert methods == {"scram-sha-256"}

    def test_our_folders_are_closed_and_the_password_is_ours(self, home: Path) -> None:
        server = EmbeddedServer.join(home)
        modes = {
            name: stat.S_IMODE((home / name).stat().st_mode)
            for name in ("postgres", "postgres/password", "postgres-data/data")
        }
        socket = stat.S_IMODE(server.address.socket_folder.stat().st_mode)
        server.leave()
        assert modes == {"postgres": 0o700, "postgres/password": 0o600, "postgres-data/data": 0o700}
        assert socket == 0o700

    @pytest.mark.skipif(not AS_ROOT, reason="only root can become another user")
    @pytest.mark.parametrize("mode", [0o755, 0o700], ids=["home in reach", "home out of reach"])
    def test_user_nobody_reaches_neither_the_server_nor_the_password(self, new_home: Path, mode: int) -> None:
        new_home.parent.chmod(mode)
        server = EmbeddedServer.join(new_home)
        attempt = (
            "import socket, sys\n"
            "for act in (lambda: socket.socket(socket.AF_UNIX).connect(sys.argv[1]),"
            " lambda: open(sys.argv[2]).read(), lambda: open(sys.argv[3]).read()):\n"
            "    try:\n        act()\n"
            "    except PermissionError:\n        continue\n"
            "    sys.exit('reached')\n"
        )
        data = server.address.socket_folder.parent / "data"
        done = subprocess.run(
            [
                "/usr/bin/python3" if Path("/usr/bin/python3").exists() else sys.executable,
                "-c",
                attempt,
                str(server.address.socket_folder / f".s.PGSQL.{PORT}"),
                str(new_home / "postgres" / "password"),
                str(data / "PG_VERSION"),
            ],
            user=NOBODY,
            group=NOBODY,
            extra_groups=[],
            capture_output=True,
            text=True,
            cwd="/",
            check=False,
        )
        server.leave()
        assert (done.returncode, done.stderr) == (0, "")

    @pytest.mark.skipif(not AS_ROOT, reason="only root drops to another user")
    def test_a_server_that_root_starts_runs_without_rights(self, home: Path) -> None:
        server = EmbeddedServer.join(home)
        status = Path(f"/proc/{live(home).pid}/status").read_text()
        server.leave()
        fields = dict(line.split(":", 1) for line in status.splitlines())
        assert "0" not in fields["Uid"].split() + fields["Gid"].split()
        assert fields["Groups"].split() == []
        assert int(fields["CapEff"], 16) == 0

    @pytest.mark.skipif(not AS_ROOT, reason="only root can become another user")
    def test_an_ordinary_user_has_a_server_too_and_root_may_use_it(self, new_home: Path) -> None:
        python = Path("/usr/bin/python3")
        version = (
            subprocess.run([python, "-V"], capture_output=True, text=True, check=False)
            if python.exists()
            else None
        )
        if version is None or version.stdout.split()[1].split(".")[:2] != sys.version.split(".")[:2]:
            pytest.skip("no Python of this version that an ordinary user can run")
        shutil.chown(new_home.parent, "daemon", "daemon")
        packages = Path(psycopg.__file__).parents[1]
        user = subprocess.run(
            [python, "-c", JOIN_AND_WAIT, str(new_home)],
            user="daemon",
            group="daemon",
            extra_groups=[],
            input="\n",
            capture_output=True,
            text=True,
            cwd="/",
            env={"PYTHONPATH": f"{SOURCES}:{packages}", "PYTHONDONTWRITEBYTECODE": "1"},
            check=False,
        )
        assert user.returncode == 0, user.stderr
        server = EmbeddedServer.join(new_home)
        owner = Path(f"/proc/{live(new_home).pid}").stat().st_uid
        server.leave()
        assert owner == (new_home / "postgres").stat().st_uid != 0

    def test_folders_that_were_there_keep_their_modes(self, new_home: Path) -> None:
        new_home.parent.chmod(0o750)
        new_home.mkdir(mode=0o750)
        before = all_modes(new_home)
        server = EmbeddedServer.join(new_home)
        assert all_modes(new_home) == before
        server.leave()
        assert all_modes(new_home) == before

    def test_a_folder_opened_to_others_is_refused_with_the_remedy(self, home: Path) -> None:
        EmbeddedServer.join(home).leave()
        (home / "postgres").chmod(0o755)
        with pytest.raises(RefusedError, match="chmod 700"):
            EmbeddedServer.join(home)


class TestPaths:
    def test_a_home_with_a_path_of_150_characters_works(self, new_home: Path) -> None:
        long = new_home / ("x" * (150 - len(str(new_home)) - 1))
        assert len(str(long)) == 150
        server = EmbeddedServer.join(long)
        assert answer(server) == "byleave"
        folder = server.address.socket_folder
        server.leave()
        assert not folder.exists(), "a borrowed place is given back"

    def test_a_home_with_signs_that_shells_and_lists_read_works(self, new_home: Path) -> None:
        odd = new_home / 'it\'s, "a" $(home) %s'
        server = EmbeddedServer.join(odd)
        assert answer(server) == "byleave"
        server.leave()

    def test_no_short_place_for_the_socket_is_refused_with_the_remedy(
        self, new_home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        far = new_home / ("y" * 120)
        far.mkdir(parents=True)
        monkeypatch.setattr(tempfile, "tempdir", str(far))
        with pytest.raises(UnavailableError, match="short path"):
            EmbeddedServer.join(far / "home")

    @pytest.mark.skipif(not AS_ROOT, reason="only root keeps the data outside of the home")
    def test_a_copied_home_does_not_share_its_server(self, new_home: Path) -> None:
        new_home.parent.chmod(0o700)
        EmbeddedServer.join(new_home).leave()
        shutil.copytree(new_home, new_home.with_name("copy"))
        with pytest.raises(ConflictError, match="copy of"):
            EmbeddedServer.join(new_home.with_name("copy"))

    @pytest.mark.skipif(not AS_ROOT, reason="only root keeps the data outside of the home")
    def test_a_moved_home_keeps_its_database(self, new_home: Path) -> None:
        new_home.parent.chmod(0o700)
        EmbeddedServer.join(new_home).leave()
        moved = new_home.rename(new_home.with_name("moved"))
        server = EmbeddedServer.join(moved)
        assert answer(server) == "byleave"
        server.leave()
        forget(moved)
