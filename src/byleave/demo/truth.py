"""What must come out: computed from the picture files one by one, without catalog, index, registry or ruleset."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from byleave.demo.dataset import DemoDataset
from byleave.demo.entries import COVERED_BY_PDQ, Entry, RepostKind
from byleave.errors import FormatError
from byleave.fingerprints import MINIMUM_QUALITY, Band, ClaimedPicture, PictureFingerprint, match
from byleave.media import Unusable, claimed_picture, describe
from byleave.settings import Limits


@dataclass(frozen=True, slots=True)
class Truth:
    """Who is a copy of whom.

    claimed
        Originals that are claimed.
    family
        Links of the claimed originals and of all their re-posts: nothing else may ever be removed.
    recognised
        Links that are the same work as a claimed picture when the two files are compared directly.
    seen
        Link → fingerprint of its file.
    """

    claimed: tuple[Entry, ...]
    family: frozenset[str]
    recognised: frozenset[str]
    seen: Mapping[str, PictureFingerprint]

    def copies_of(self, work: ClaimedPicture) -> frozenset[str]:
        """Return the links whose file is within the same-work radius of a picture."""
        return frozenset(url for url, picture in self.seen.items() if _same_work(work, picture))

    def reposts_by_kind(
        self, dataset: DemoDataset, urls: frozenset[str] | None = None
    ) -> Counter[RepostKind]:
        """Count the re-posts of claimed pictures by kind; only those with a link in ``urls`` when it is given."""
        wanted = self.family if urls is None else self.family & urls
        return Counter(
            e.repost_kind for e in dataset.entries if e.repost_kind is not None and e.url in wanted
        )


def truth(dataset: DemoDataset) -> Truth:
    """Compare every entry with every original that was re-posted, in the plain way."""
    reposted = {entry.repost_of for entry in dataset.entries}
    claimed = tuple(entry for entry in dataset.originals if entry.url in reposted)
    works = [claimed_work(dataset, entry) for entry in claimed]
    seen = {entry.url: _seen(dataset, entry) for entry in dataset.entries}
    recognised = frozenset(
        url
        for url, picture in seen.items()
        if picture.quality >= MINIMUM_QUALITY and any(_same_work(work, picture) for work in works)
    )
    family = frozenset(e.url for e in claimed) | frozenset(e.url for e in dataset.entries if e.repost_of)
    return Truth(claimed, family, recognised, seen)


def main_picture(dataset: DemoDataset, known: Truth) -> Entry:
    """Return the picture the tour follows: one of which PDQ recognises every re-post it is made for.

    The first whose title has more than one word, for the reader's sake; else the first.

    Raises
    ------
    FormatError
        If there is none, which means that the fingerprints are broken.
    """
    found = [entry for entry in known.claimed if _recognised_throughout(dataset, known, entry)]
    if not found:
        raise FormatError(
            "PDQ recognises no picture in all its re-posts",
            remedy="run `make test`: the fingerprints are broken",
        )
    return next((entry for entry in found if " " in entry.title), found[0])


def _recognised_throughout(dataset: DemoDataset, known: Truth, entry: Entry) -> bool:
    covered = [repost for repost in dataset.reposts_of(entry) if repost.repost_kind in COVERED_BY_PDQ]
    return len(covered) == len(COVERED_BY_PDQ) and all(one.url in known.recognised for one in covered)


def claimed_work(dataset: DemoDataset, entry: Entry) -> ClaimedPicture:
    """Return what a claim stores of one entry's picture."""
    work = claimed_picture(dataset.picture(entry).read_bytes(), limits=Limits())
    if isinstance(work, Unusable):
        raise FormatError(
            f"{dataset.picture(entry)} is no picture: {work.detail}", remedy="remove the demo's folder"
        )
    return work


def _seen(dataset: DemoDataset, entry: Entry) -> PictureFingerprint:
    picture = describe(dataset.picture(entry).read_bytes(), limits=Limits(), thumbnail_px=None)
    if isinstance(picture, Unusable):
        raise FormatError(
            f"{dataset.picture(entry)} is no picture: {picture.detail}", remedy="remove the demo's folder"
        )
    return picture.fingerprint


def _same_work(work: ClaimedPicture, seen: PictureFingerprint) -> bool:
    found = match(work, seen)
    return found is not None and found.band is Band.SAME_WORK
