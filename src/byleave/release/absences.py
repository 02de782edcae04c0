"""A folder of proofs that items were not kept, or were, one line each, in plain files that any file server serves: found by item id, and only those asked for by a list. Light."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol, Self
from urllib.parse import urlsplit

from byleave.consent import TargetKind
from byleave.errors import InputError, UnfitError, VerificationError, as_format_error
from byleave.log import JSON, canonical_json
from byleave.release.attestations import Attestation
from byleave.release.items import Absence, ItemRow
from byleave.release.statements import Signed, sha256_of
from byleave.release.terms_said import count, of_format
from byleave.urls.names import ID_BYTES

INDEX: Final = "absences.json"
INDEX_FORMAT: Final = "byleave/absences/1"
MEAN_PROOFS: Final = 64
"""Proofs in one file, about: few enough to be fetched at once."""

MOST_DIGITS: Final = 8
HTTPS_PORT: Final = 443
MOST_ADDRESS_CHARS: Final = 500
_ADDRESS_REMEDY: Final = (
    f"give the https address of the folder that `byleave attest prove` wrote, in at most {MOST_ADDRESS_CHARS} characters, "
    "without port, password or query"
)
_REMEDY: Final = "ask whoever signed the attestation to make the proofs again"


def proofs_address(text: str) -> str:
    """Return the address of a folder of proofs, without a slash at its end.

    Raises
    ------
    InputError
        If it is none that a registry can ask on behalf of others: by https, of a host, with nothing but a path.
    """
    said = "the address of proofs cannot be used"
    try:
        parts = urlsplit(text)
        plain = parts.scheme == "https" and parts.hostname and not (parts.query or parts.fragment)
        bare = parts.username is None and parts.password is None and parts.port in {None, HTTPS_PORT}
        fits = text.isascii() and text.isprintable() and " " not in text and len(text) <= MOST_ADDRESS_CHARS
    except ValueError as error:
        raise InputError(said, remedy=_ADDRESS_REMEDY) from error
    if not (plain and bare and fits):
        raise InputError(said, remedy=_ADDRESS_REMEDY)
    return text.rstrip("/")


@dataclass(frozen=True, slots=True)
class AbsenceIndex:
    """What a folder of proofs is about, and by how many hex digits of the item id, or the id of another target, its files are named."""

    attestation: bytes
    digits: int
    proofs: int

    @classmethod
    def of(cls, attestation: bytes, proofs: int) -> Self:
        """Choose the number of digits for so many proofs."""
        digits = 0
        while proofs > MEAN_PROOFS * 16**digits and digits < MOST_DIGITS:
            digits += 1
        return cls(attestation, digits, proofs)

    def file(self, item: bytes) -> str:
        """Return the name of the file in which the proof for an item stands."""
        return f"{item.hex()[: self.digits] or 'all'}.jsonl"

    def to_bytes(self) -> bytes:
        """Write it."""
        members: dict[str, JSON] = {
            "attestation": self.attestation.hex(),
            "digits": self.digits,
            "format": INDEX_FORMAT,
            "proofs": self.proofs,
        }
        return canonical_json(members)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read it.

        Raises
        ------
        FormatError
            If it is none.
        """
        with as_format_error("this folder holds no proofs of absence", remedy=_REMEDY):
            said = of_format(data, INDEX_FORMAT)
            if not 0 <= said["digits"] <= MOST_DIGITS:
                raise UnfitError("an item id has fewer digits")
            return cls(sha256_of(said["attestation"]), count(said, "digits"), count(said, "proofs"))


@dataclass(frozen=True, slots=True)
class Shown:
    """What a proof that holds shows: the row as which a link was kept, or the first that another target covers; ``None`` where there is none."""

    proof: Absence
    kept: ItemRow | None


class Files(Protocol):
    """A folder of small files, wherever it is. Nothing it gives is believed before it verifies."""

    def read(self, name: str) -> bytes:
        """Return a file.

        Raises
        ------
        NotFoundError, UnavailableError, FormatError
            If there is none, it cannot be had, or it is too long.
        """
        ...


class Absences:
    """Proofs in a folder or below a web address, each checked before it is told.

    Raises
    ------
    NotFoundError, UnavailableError, FormatError
        If there are none.
    VerificationError
        If they are for another attestation.
    """

    def __init__(self, source: Files, signed: Signed[Attestation]) -> None:
        self._source = source
        self._signed = signed
        self._index = AbsenceIndex.parse(source.read(INDEX))
        self._files: dict[str, Mapping[bytes, bytes]] = {}
        if self._index.attestation != signed.sha256:
            raise VerificationError("these proofs are for another attestation", remedy=_REMEDY)

    def find(self, kind: TargetKind, digest: bytes) -> Shown | None:
        """Return what the proof for a target shows, checked, or ``None`` if none is given, or the target was compared with nothing.

        Raises
        ------
        VerificationError
            If there is one and it does not hold.
        """
        item, commitments = digest[:ID_BYTES], self._signed.said.commitments
        if commitments is None:
            raise VerificationError(
                "the attestation binds no entries",
                remedy="ask for a run whose entries were bound, see `byleave attest bind`",
            )
        tree = commitments.tree_for(kind)
        if tree is None:
            return None
        name = self._index.file(item)
        if name not in self._files:
            self._files = {name: self._read(name)}
        line = self._files[name].get(item)
        if line is None:
            return None
        proof = Absence.parse(line)
        covering = kind is not TargetKind.URL
        if (proof.attestation, proof.item, proof.covering) != (self._signed.sha256, item, covering):
            raise VerificationError("the proof is about something else", remedy=_REMEDY)
        kept = proof.kept_as(tree, commitments.salt)
        return Shown(proof, kept) if kept is None or kept.was_compared else None

    def _read(self, name: str) -> Mapping[bytes, bytes]:
        found = {}
        with as_format_error(f"{name} holds what is no proof", remedy=_REMEDY):
            for line in self._source.read(name).splitlines():
                item = bytes.fromhex(line.partition(b'"item":"')[2][: 2 * ID_BYTES].decode("ascii"))
                if len(item) != ID_BYTES:
                    raise UnfitError("an item id has another length")
                found[item] = line
        return found
