"""A second verifier of signed statements and log proofs, from their specifications alone: it imports nothing of Byleave.

DSSE 1 (pre-authentication encoding), in-toto Statement 1, C2SP signed notes, checkpoints and log proofs, and the Merkle trees of RFC 6962.
"""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

ED25519 = 1


def public_key(text: str) -> tuple[str, bytes, Ed25519PublicKey]:
    """Take a verifier key apart: name, key id, key. The id must be the one that follows from both."""
    name, key_id, encoded = text.split("+", 2)
    material = base64.b64decode(encoded)
    expected = hashlib.sha256(name.encode() + b"\n" + material).digest()[:4]
    assert (material[0], expected.hex()) == (ED25519, key_id)
    return name, expected, Ed25519PublicKey.from_public_bytes(material[1:])


def holds(key: Ed25519PublicKey, signature: bytes, message: bytes) -> bool:
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def statement(envelope: bytes, key: str) -> dict[str, Any]:
    """Return the statement in an envelope that the key signed."""
    members = json.loads(envelope)
    payload = base64.b64decode(members["payload"])
    kind = members["payloadType"].encode()
    assert kind == b"application/vnd.in-toto+json"
    message = b" ".join([b"DSSEv1", str(len(kind)).encode(), kind, str(len(payload)).encode(), payload])
    public = public_key(key)[2]
    assert any(holds(public, base64.b64decode(one["sig"]), message) for one in members["signatures"])
    said: dict[str, Any] = json.loads(payload)
    assert said["_type"] == "https://in-toto.io/Statement/v1"
    assert said["subject"]
    return said


def payload_sha256(envelope: bytes) -> str:
    return hashlib.sha256(base64.b64decode(json.loads(envelope)["payload"])).hexdigest()


def subjects_are(said: dict[str, Any], folder: Path) -> bool:
    """Whether every file a statement is about stands in a folder, byte for byte."""
    return all(
        hashlib.sha256((folder / one["name"]).read_bytes()).hexdigest() == one["digest"]["sha256"]
        for one in said["subject"]
    )


def checkpoint(note: str, key: str) -> tuple[str, int, bytes]:
    """Return origin, size and root of a checkpoint that the key signed."""
    name, key_id, public = public_key(key)
    text, _, below = note.rpartition("\n\n")
    text += "\n"
    signed = False
    for line in below.splitlines():
        _, signer, encoded = line.split(" ")
        blob = base64.b64decode(encoded)
        signed |= (signer, blob[:4]) == (name, key_id) and holds(public, blob[4:], text.encode())
    assert signed
    origin, size, root = text.splitlines()[:3]
    assert origin == name
    return origin, int(size), base64.b64decode(root)


def root_from(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """Work out the root of a tree from one leaf hash and its audit path (RFC 9162, 2.1.3.2)."""
    place, last, found = index, size - 1, leaf
    for one in path:
        assert last > 0
        if place % 2 or place == last:
            found = hashlib.sha256(b"\1" + one + found).digest()
            while place % 2 == 0 and place:
                place, last = place // 2, last // 2
        else:
            found = hashlib.sha256(b"\1" + found + one).digest()
        place, last = place // 2, last // 2
    assert last == 0
    return found


def absence(
    line: bytes, commitments: dict[str, Any], attestation: str
) -> tuple[bytes, tuple[int, int] | None]:
    """Check one proof as its format is described; return the id it is about, and the part and row of its entry, if it has one."""
    proof = json.loads(line)
    assert (proof["format"], proof["attestation"]) == ("byleave/absence/1", attestation)
    tree = commitments["covering" if proof.get("tree") == "covering" else "kept"]
    leaves = -(-tree["size"] // 16)
    rows: list[bytes] = []
    for place, leaf in enumerate(proof["leaves"]):
        assert leaf["index"] == proof["leaves"][0]["index"] + place
        content = [bytes.fromhex(row) for row in leaf["rows"]]
        assert len(content) == min(16, tree["size"] - 16 * leaf["index"])
        rows += content
        hashed = hashlib.sha256(b"\0" + bytes.fromhex(commitments["salt"]) + b"".join(content)).digest()
        path = [bytes.fromhex(one) for one in leaf["path"]]
        assert root_from(hashed, leaf["index"], leaves, path).hex() == tree["root"]
    assert rows == sorted(rows)
    item = bytes.fromhex(proof["item"])
    found = next((row for row in rows if row[:16] == item), None)
    if found is not None:
        return item, (int.from_bytes(found[16:19]), int.from_bytes(found[19:]))
    indexes = [leaf["index"] for leaf in proof["leaves"]]
    assert not leaves or indexes[0] == 0 or rows[0][:16] < item
    assert not leaves or indexes[-1] == leaves - 1 or rows[-1][:16] > item
    return item, None


def stated(openings: bytes, commitments: dict[str, Any]) -> int:
    """Check of every entry opened that what it states was bound, as the format is described; return how many there are."""
    opened = json.loads(openings)
    salt = bytes.fromhex(commitments["salt"])
    bound: dict[tuple[int, int], bytes] = {}
    for part in opened["values"]:
        root = part["root"] or "00" * 32
        hashed = hashlib.sha256(b"\0" + salt + part["rows"].to_bytes(8, "big") + bytes.fromhex(root)).digest()
        path = [bytes.fromhex(one) for one in part["path"]]
        found = root_from(hashed, part["part"], commitments["values"]["size"], path)
        assert found.hex() == commitments["values"]["root"]
        for leaf in part["leaves"]:
            entries = [bytes.fromhex(one) for one in leaf["entries"]]
            assert len(entries) == min(16, part["rows"] - 16 * leaf["index"])
            path = [bytes.fromhex(one) for one in leaf["path"]]
            hashed = hashlib.sha256(b"\0" + b"".join(entries)).digest()
            assert root_from(hashed, leaf["index"], -(-part["rows"] // 16), path).hex() == root
            bound |= {(part["part"], 16 * leaf["index"] + at): entry for at, entry in enumerate(entries)}
        if part["root"] is None:
            bound |= {(part["part"], row): bytes(33) for row in range(part["rows"])}
    leaves = {leaf["index"]: leaf["rows"] for leaf in opened["leaves"]}
    for row in opened["rows"]:
        kept = bytes.fromhex(leaves[row["place"] // 16][row["place"] % 16])
        place = int.from_bytes(kept[16:19], "big"), int.from_bytes(kept[19:], "big")
        assert bound[place] == stated_entry(row["digest"], row.get("picture"))
    return len(opened["rows"])


def stated_entry(digest: str | None, picture: dict[str, Any] | None) -> bytes:
    """Return the 33 bytes that stand for what one row states."""
    said = [(1, bytes.fromhex(digest))] if digest is not None else []
    if picture is not None:
        said.append((2, b""))
        if picture["digest"] is not None:
            said.append((4, bytes.fromhex(picture["digest"])))
        if "pdq" in picture:
            version = picture["version"].encode()
            values = bytes.fromhex(picture["pdq"] + picture["pdq_trimmed"])
            said.append((8, values + bytes([picture["quality"], 0, len(version)]) + version))
        if picture["reason"] is not None:
            said.append((16, picture["reason"].encode()))
    states = sum(flag for flag, _ in said)
    content = b"".join(value for _, value in said)
    if states in {0, 1}:
        return bytes([states]) + (content or bytes(32))
    return bytes([states]) + hashlib.sha256(content).digest()


def merkle_root(entries: list[bytes]) -> bytes:
    """The tree hash as RFC 6962, section 2.1, defines it."""
    if len(entries) <= 1:
        return hashlib.sha256(b"\0" + entries[0] if entries else b"").digest()
    split = 1 << (len(entries) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + merkle_root(entries[:split]) + merkle_root(entries[split:])).digest()


def receipt(text: str, key: str) -> dict[str, Any]:
    """Check a log proof that carries record and salt, and return the record."""
    head, _, note = text.partition("\n\n")
    header, extra, index, *hashes = head.split("\n")
    assert header == "c2sp.org/tlog-proof@v1"
    shown = json.loads(base64.b64decode(extra.removeprefix("extra ")))
    record, salt = shown["record"], bytes.fromhex(shown["salt"])
    committed = hashlib.sha256(salt + _canonical(record)).digest()
    entry = _canonical(
        {
            "commit": _url_safe(committed),
            "id": _url_safe(bytes.fromhex(record["claim"])),
            "op": record["op"],
            "t": "claim",
            "ts": _seconds(record["at"]),
            "v": 1,
        }
    )
    _, size, root = checkpoint(note, key)
    leaf = hashlib.sha256(b"\0" + entry).digest()
    path = [base64.b64decode(one) for one in hashes]
    assert root_from(leaf, int(index.removeprefix("index ")), size, path) == root
    found: dict[str, Any] = record
    return found


def _canonical(value: Any) -> bytes:
    """Write JSON as RFC 8785 asks for, as far as names in ASCII and whole numbers go."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _url_safe(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def _seconds(at: str) -> int:
    return int(datetime.fromisoformat(at).timestamp())
