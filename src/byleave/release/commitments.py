"""What binds the signer of an attestation to single rows: the roots of trees over them, see :mod:`byleave.release.items`. Light."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from byleave.consent import TargetKind
from byleave.errors import UnfitError
from byleave.log import JSON
from byleave.release.statements import sha256_of
from byleave.release.terms_said import count

SALT_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Commitment:
    """The root of an RFC 6962 tree over rows (32 bytes), and how many rows it has; see :mod:`byleave.release.items`."""

    root: bytes
    size: int

    def members(self) -> dict[str, JSON]:
        """Write it."""
        return {"root": self.root.hex(), "size": self.size}

    @classmethod
    def parse(cls, members: Mapping[str, Any]) -> Self:
        """Read it; raises ValueError, KeyError or TypeError where it is none."""
        return cls(sha256_of(members["root"]), count(members, "size"))


@dataclass(frozen=True, slots=True)
class Covering:
    """The tree of those targets of the lists that cover a row kept, and of which kinds it speaks: other kinds were not compared.

    Links are not among them, since they are found among the rows themselves.
    """

    tree: Commitment
    kinds: tuple[TargetKind, ...]

    def members(self) -> dict[str, JSON]:
        """Write it."""
        return {"kinds": sorted(kind.value for kind in self.kinds), **self.tree.members()}

    @classmethod
    def parse(cls, members: Mapping[str, Any]) -> Self:
        """Read it; raises ValueError, KeyError or TypeError where it is none."""
        kinds = tuple(kind for kind in TargetKind if kind.value in members["kinds"])
        if TargetKind.URL in kinds or not isinstance(members["kinds"], list):
            raise UnfitError("links do not stand in the tree of targets")
        return cls(Commitment.parse(members), kinds)


@dataclass(frozen=True, slots=True)
class Commitments:
    """What binds the signer to the items that were kept and to those that were removed, without naming them.

    salt
        16 random bytes in every leaf, so that two trees over the same items do not show that they are.
    covering
        Not there in attestations of earlier versions.
    values
        The tree of parts over what rows state beside their links, whose size counts parts, see :mod:`byleave.release.values`. Not there in
        attestations of earlier versions, and where no row states anything.
    """

    salt: bytes
    kept: Commitment
    removed: Commitment
    covering: Covering | None = None
    values: Commitment | None = None

    def tree_for(self, kind: TargetKind) -> Commitment | None:
        """Return the tree in which targets of a kind are looked up, or ``None`` if they cannot be."""
        if kind is TargetKind.URL:
            return self.kept
        if self.covering is None or kind not in self.covering.kinds:
            return None
        return self.covering.tree

    def members(self) -> dict[str, JSON]:
        """Write them."""
        found: dict[str, JSON] = {
            "kept": self.kept.members(),
            "removed": self.removed.members(),
            "salt": self.salt.hex(),
        }
        optional = {"covering": self.covering, "values": self.values}
        return found | {name: one.members() for name, one in optional.items() if one is not None}

    @classmethod
    def parse(cls, members: Mapping[str, Any]) -> Self:
        """Read them; raises ValueError, KeyError or TypeError where they are none."""
        salt = bytes.fromhex(members["salt"])
        if len(salt) != SALT_BYTES:
            raise UnfitError(f"a salt has {SALT_BYTES} bytes")
        trees = Commitment.parse(members["kept"]), Commitment.parse(members["removed"])
        covering, values = members.get("covering"), members.get("values")
        return cls(
            salt,
            *trees,
            Covering.parse(covering) if covering is not None else None,
            Commitment.parse(values) if values is not None else None,
        )
