"""A witness over real HTTP and a real folder: what it cosigned it remembers, and a fork is kept as evidence."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from tests.logs import NOW, ORIGIN, Tiles, checkpoint_of, leaves, signed, signing_key

from byleave.errors import UnavailableError
from byleave.log import consistency_proof, hash_reader, open_cosignatures, root_of
from byleave.log.witness import AddCheckpoint
from byleave.release.keys import verify_ed25519
from byleave.release.witnessing import Witness, WitnessServer, cosigning, utc_now, witness_folder, witness_key
from byleave.settings import Settings

LOG = signing_key()
WITNESS = signing_key("witness.example/one")
READ = hash_reader(40, Tiles(leaves(40)).read)
FORKED = replace(checkpoint_of(5), root=root_of(leaves(4)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "witness"


@pytest.fixture
def witness(folder: Path) -> Witness:
    return Witness(folder, WITNESS, [LOG.verifier])


def request(old: int, new: int) -> AddCheckpoint:
    return AddCheckpoint(old, consistency_proof(old, new, READ), signed(checkpoint_of(new)))


def asked(witness: Witness, what: AddCheckpoint | bytes) -> tuple[int, str, bytes]:
    return witness.answer(what if isinstance(what, bytes) else what.to_bytes(), now=NOW)


def test_what_it_answers_is_its_cosignature_with_the_time(witness: Witness) -> None:
    status, kind, body = asked(witness, request(0, 5))
    assert (status, kind) == (200, "text/plain; charset=utf-8")
    (found,) = open_cosignatures(
        signed(checkpoint_of(5)) + body.decode(), [cosigning(WITNESS)], verify_ed25519
    )
    assert found.time == NOW.replace(microsecond=0)


def test_it_remembers_over_a_restart_and_says_what_it_holds(witness: Witness, folder: Path) -> None:
    asked(witness, request(0, 5))
    again = Witness(folder, WITNESS, [LOG.verifier])
    assert asked(again, request(0, 9)) == (409, "text/x.tlog.size", b"5\n")
    assert asked(again, request(5, 9))[0] == 200
    assert asked(again, request(5, 12)) == (409, "text/x.tlog.size", b"9\n")


def test_a_fork_is_refused_and_kept_beside_what_is_held(witness: Witness, folder: Path) -> None:
    asked(witness, request(0, 5))
    held = next(folder.glob("*.checkpoint")).read_bytes()
    status, _, _ = asked(witness, AddCheckpoint(5, (), signed(FORKED)))
    assert status == 409
    (fork,) = folder.glob("*.fork-*")
    assert fork.read_text() == signed(FORKED)
    assert next(folder.glob("*.checkpoint")).read_bytes() == held


def test_a_log_that_it_does_not_know_and_what_is_no_request_leave_no_trace(
    witness: Witness, folder: Path
) -> None:
    other = signed(checkpoint_of(3, origin="stranger.example"))
    assert asked(witness, AddCheckpoint(0, (), other))[0] == 404
    assert asked(witness, AddCheckpoint(0, (), signed(checkpoint_of(3), seed="another key")))[0] == 403
    assert asked(witness, b"old zero\n\nnothing")[0] == 400
    assert list(folder.iterdir()) == []


def test_each_log_has_a_memory_of_its_own(folder: Path) -> None:
    second = signing_key("second.example")
    witness = Witness(folder, WITNESS, [LOG.verifier, second.verifier])
    asked(witness, request(0, 5))
    status, _, _ = asked(witness, AddCheckpoint(0, (), signed(checkpoint_of(7, origin="second.example"))))
    assert status == 200
    assert asked(witness, request(7, 9))[2] == b"5\n"


def test_its_key_is_for_cosigning_alone_and_made_once(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    key = witness_key(settings)
    assert witness_key(settings).verifier == key.verifier
    assert key.verifier.name == f"{settings.origin}/witness"
    assert cosigning(key).kind != key.verifier.kind
    assert witness_folder(settings).parent == tmp_path


@pytest.fixture
def address(witness: Witness) -> Iterator[str]:
    with WitnessServer(("127.0.0.1", 0), witness, lambda: NOW) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_it_answers_over_http_to_one_kind_of_request(address: str, folder: Path) -> None:
    with httpx.Client(base_url=address, trust_env=False, timeout=60) as client:
        assert client.post("/add-checkpoint", content=request(0, 5).to_bytes()).status_code == 200
        conflict = client.post("/add-checkpoint", content=request(0, 9).to_bytes())
        assert (conflict.status_code, conflict.headers["content-type"]) == (409, "text/x.tlog.size")
        assert client.post("/other", content=b"").status_code == 404
        assert client.get("/add-checkpoint").status_code == 404
        assert client.post("/add-checkpoint", content=b"x" * 2_000_000).status_code == 413
        assert client.post("/add-checkpoint", content=iter([b"of no stated length"])).status_code == 413
        assert "byleave-witness" in client.get("/").headers["server"]
        next(folder.glob("*.checkpoint")).write_bytes(b"\xff damaged")
        assert client.post("/add-checkpoint", content=request(5, 9).to_bytes()).status_code == 500


def test_of_many_requests_at_once_each_sees_what_the_others_left(address: str) -> None:
    def ask(size: int) -> int:
        with httpx.Client(base_url=address, trust_env=False, timeout=30) as client:
            return client.post("/add-checkpoint", content=request(0, size).to_bytes()).status_code

    with ThreadPoolExecutor(8) as pool:
        found = sorted(pool.map(ask, range(1, 17)))
    assert found == [200] + [409] * 15, "only the first starts from nothing"


def test_a_port_that_is_taken_is_told(witness: Witness) -> None:
    with (
        WitnessServer(("127.0.0.1", 0), witness, utc_now) as server,
        pytest.raises(UnavailableError, match="cannot be taken"),
    ):
        WitnessServer(("127.0.0.1", server.server_address[1]), witness, utc_now)
    assert utc_now().utcoffset() is not None
    assert LOG.verifier.name == ORIGIN
