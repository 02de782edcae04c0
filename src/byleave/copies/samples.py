"""Point a claim at an entry of a dataset: at its picture with every copy, and at its link."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from byleave.catalog import Sample
from byleave.errors import InputError
from byleave.fingerprints import ClaimedPicture
from byleave.fingerprints.orientations import orientations
from byleave.registry.targets import Target, digest_target, picture_target, url_target


def targets_of_sample(sample: Sample) -> tuple[Target, ...]:
    """Return what a claim on this entry covers: the picture where its pixels were seen, its exact bytes, its link.

    The catalog keeps two values of a picture and not its pixels, so the mirrored and turned variants are derived from their bits.
    """
    found = tuple(_targets(sample))
    if not found:
        raise InputError(
            "this entry has neither a link nor a picture to point at", remedy="give the picture file itself"
        )
    return found


def _targets(sample: Sample) -> Iterator[Target]:
    label = (sample.caption or sample.url or "")[:200] or None
    picture = claimed_from_sample(sample)
    if picture is not None:
        yield _placed(picture_target(picture, label), sample)
    if sample.digest is not None:
        yield _placed(digest_target(sample.digest, label), sample)
    if sample.url is not None:
        yield _placed(url_target(sample.url), sample)


def claimed_from_sample(sample: Sample) -> ClaimedPicture | None:
    """Return an entry's picture as a claim stores it, or ``None`` when nobody has seen its pixels."""
    if (
        sample.pdq is None
        or sample.pdq_trimmed is None
        or sample.quality is None
        or sample.picture_version is None
    ):
        return None
    variants = dict.fromkeys(orientations(sample.pdq) + orientations(sample.pdq_trimmed))
    return ClaimedPicture(tuple(variants), sample.quality, sample.picture_version)


def _placed(target: Target, sample: Sample) -> Target:
    return replace(target, dataset=sample.dataset, sample_key=sample.sample_key)
