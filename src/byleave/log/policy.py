"""Trust policies (C2SP tlog-policy): which logs count, which witnesses there are, and how many of them must have cosigned."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Self

from byleave.errors import FormatError, VerificationError
from byleave.log.checkpoints import Checkpoint, open_checkpoint
from byleave.log.cosignatures import Cosignature, open_cosignatures
from byleave.log.lines import read_decimal
from byleave.log.notes import COSIGNATURE, ED25519, VerifierKey, Verify

MAX_POLICY_BYTES = 262_144
NO_WITNESSES = "none"

_ALLOWED = frozenset({0x09, 0x0A, *range(0x20, 0x7F), *range(0x80, 0x100)})
_SPACE = re.compile("[ \t]+")


@dataclass(frozen=True, slots=True)
class PolicyLog:
    """A log whose checkpoints are accepted. A key of a type that we cannot check is kept and never counts."""

    key: VerifierKey
    url: str | None = None


@dataclass(frozen=True, slots=True)
class PolicyWitness:
    """A witness under the name it has in this policy. A key of a type that we cannot check is kept and never counts."""

    name: str
    key: VerifierKey
    url: str | None = None


@dataclass(frozen=True, slots=True)
class PolicyGroup:
    """A group that has seen a checkpoint when at least ``threshold`` of its members have: witnesses, or groups defined before it."""

    name: str
    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WitnessedCheckpoint:
    """A checkpoint that a policy accepts: signed by one of its logs, cosigned by its quorum."""

    checkpoint: Checkpoint
    signers: tuple[VerifierKey, ...]
    cosignatures: tuple[Cosignature, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """Whom to believe about a log. ``quorum`` names a witness or group, or is ``None`` where the log's signature suffices."""

    logs: tuple[PolicyLog, ...]
    witnesses: tuple[PolicyWitness, ...] = ()
    groups: tuple[PolicyGroup, ...] = ()
    quorum: str | None = None

    @classmethod
    def of_keys(cls, keys: Sequence[VerifierKey]) -> Self:
        """Accept logs by their keys alone, without witnesses."""
        return cls(tuple(PolicyLog(key) for key in keys))

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a policy file.

        Raises
        ------
        FormatError
            Naming the line that cannot be used.
        """
        if len(data) > MAX_POLICY_BYTES:
            raise FormatError(
                f"a policy has more than {MAX_POLICY_BYTES} bytes", remedy="name fewer logs and witnesses"
            )
        reader = _Reader()
        for number, line in enumerate(data.split(b"\n"), 1):
            try:
                reader.read(line)
            except FormatError as error:
                raise FormatError(f"policy line {number}: {error.problem}", remedy=error.remedy) from error
        if not reader.quorums:
            raise FormatError("the policy has no quorum line", remedy="add `quorum none` or name a group")
        quorum = reader.quorums[0]
        return cls(
            tuple(reader.logs),
            tuple(reader.witnesses),
            tuple(reader.groups),
            None if quorum == NO_WITNESSES else quorum,
        )

    def satisfied_by(self, cosigners: Collection[VerifierKey]) -> bool:
        """Whether these keys make up the quorum."""
        if self.quorum is None:
            return True
        seen = {witness.name for witness in self.witnesses if witness.key in cosigners}
        # Groups name only what stands before them, so one pass in order settles all of them.
        for group in self.groups:
            if sum(member in seen for member in group.members) >= group.threshold:
                seen.add(group.name)
        return self.quorum in seen

    def open_checkpoint(self, note: str, verify: Verify) -> WitnessedCheckpoint:
        """Return the checkpoint of a note if one of the logs signed it and the quorum cosigned it.

        Raises
        ------
        FormatError
            If it is no checkpoint.
        VerificationError
            If the policy does not accept it, or a known key's signature does not hold.
        """
        checkpoint, signers = open_checkpoint(note, [log.key for log in self.logs], verify)
        found = open_cosignatures(note, [witness.key for witness in self.witnesses], verify)
        if not self.satisfied_by([one.key for one in found]):
            names = ", ".join(one.key.name for one in found) or "none"
            raise VerificationError(
                f"the witnesses that the policy asks for ({self.quorum!r}) have not cosigned this checkpoint",
                remedy=f"wait for their cosignatures and fetch it again (found here: {names})",
            )
        return WitnessedCheckpoint(checkpoint, signers, found)


@dataclass(slots=True)
class _Reader:
    """Collects the definitions of a policy file, line by line."""

    logs: list[PolicyLog] = field(default_factory=list)
    witnesses: list[PolicyWitness] = field(default_factory=list)
    groups: list[PolicyGroup] = field(default_factory=list)
    quorums: list[str] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    members: set[str] = field(default_factory=set)

    def read(self, line: bytes) -> None:
        if not _ALLOWED.issuperset(line):
            raise FormatError("it holds a control character", remedy="use spaces, tabs and line feeds only")
        # Names are opaque bytes to the format; surrogates keep every byte apart without asking for valid UTF-8.
        text = line.decode("utf-8", "surrogateescape").strip(" \t")
        if not text or text.startswith("#"):
            return
        keyword, *words = _SPACE.split(text)
        match keyword, words:
            case "log", [vkey, *url] if len(url) <= 1:
                self._log(vkey, *url)
            case "witness", [name, vkey, *url] if len(url) <= 1:
                self._witness(name, vkey, *url)
            case "group", [name, threshold, *members] if members:
                self._group(name, threshold, members)
            case "quorum", [name]:
                self._quorum(name)
            case _:
                raise FormatError(
                    f"{_shown(text)} is not a definition",
                    remedy="write `log KEY [URL]`, `witness NAME KEY [URL]`, `group NAME K|any|all NAME...` or `quorum NAME`",
                )

    def _log(self, vkey: str, url: str | None = None) -> None:
        key = _key(vkey, ED25519, self.logs)
        self.logs.append(PolicyLog(key, url))

    def _witness(self, name: str, vkey: str, url: str | None = None) -> None:
        key = _key(vkey, COSIGNATURE, self.witnesses)
        self._define(name)
        self.witnesses.append(PolicyWitness(name, key, url))

    def _group(self, name: str, threshold: str, members: list[str]) -> None:
        for member in members:
            if member not in self.names:
                raise FormatError(
                    f"{_shown(member)} is not defined above", remedy="define it on a line before"
                )
            if member in self.members:
                raise FormatError(
                    f"{_shown(member)} is a member twice", remedy="let each name count in one group, once"
                )
            self.members.add(member)
        self._define(name)
        self.groups.append(PolicyGroup(name, _threshold(threshold, len(members)), tuple(members)))

    def _quorum(self, name: str) -> None:
        if self.quorums:
            raise FormatError("it is a second quorum", remedy="keep one quorum line")
        if name != NO_WITNESSES and name not in self.names:
            raise FormatError(f"{_shown(name)} is not defined above", remedy="define it on a line before")
        self.quorums.append(name)

    def _define(self, name: str) -> None:
        if name == NO_WITNESSES or name in self.names:
            raise FormatError(
                f"the name {_shown(name)} is taken", remedy="give each witness and group its own"
            )
        self.names.add(name)


def _key(vkey: str, kind: int, known: Sequence[PolicyLog | PolicyWitness]) -> VerifierKey:
    key = VerifierKey.parse_any(vkey)
    if key.checkable and key.kind != kind:
        raise FormatError(
            f"the key of {key.name!r} has type {key.kind}, not {kind}",
            remedy="give logs keys of type 1 and witnesses keys of type 4",
        )
    if any(key.public == other.key.public for other in known):
        raise FormatError(f"the key of {key.name!r} stands here twice", remedy="name each key once")
    return key


def _threshold(text: str, members: int) -> int:
    match text:
        case "any":
            return 1
        case "all":
            return members
        case _:
            threshold = read_decimal(text, what="the threshold of a group")
    if not 1 <= threshold <= members:
        raise FormatError(
            f"{threshold} of {members} members is impossible", remedy=f"ask for 1 to {members}, any or all"
        )
    return threshold


def _shown(text: str) -> str:
    return repr(text[:80].encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
