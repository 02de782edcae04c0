"""Which share of copies each way of handing in pictures finds, and by how many bits browsers and we differ.

Run ``python benchmarks/device_figures.py FOLDER [--write]``; FOLDER holds pictures, all different, in any depth. Some of them are altered
in 22 ways each. A copy counts as found *on this device* when the match code that Chromium computed from the original lies within
31 bits of the copy, and by a *small copy* when it is found so, or stands among the first five lookalikes that the site would show
beside the picture, with all other pictures of the folder in the same dataset. ``--write`` puts the figures where pages and docs
read them.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib import resources
from io import BytesIO
from pathlib import Path

import numpy as np
from device_browser import OnDevice, browser_page, on_device
from picture_changes import CHANGES, encoded
from PIL import Image
from playwright.sync_api import Page

from byleave.catalog.candidates import LOOKALIKE_FLOOR
from byleave.fingerprints import MINIMUM_QUALITY, SAME_WORK_RADIUS, ClaimedPicture, hamming, match
from byleave.media import Picture, describe
from byleave.media.models import picture_model
from byleave.settings import Limits
from byleave.web.copy_routes import MOST_LOOKALIKES
from byleave.web.figures import FILE

SEED = 2026
ORIGINALS = 120
AT_ONCE = 40
DECODER_BUDGET = 8
LIMITS = Limits()
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}

FORMATS: dict[str, Callable[[Image.Image], bytes]] = {
    "JPEG": lambda picture: encoded(picture, quality=88),
    "PNG": lambda picture: encoded(picture, "PNG"),
    "WebP": lambda picture: encoded(picture, "WEBP", quality=85),
    "AVIF": lambda picture: encoded(picture, "AVIF", quality=70),
    "GIF": lambda picture: encoded(picture.quantize(128), "GIF"),
}


def read(data: bytes) -> Picture:
    picture = describe(data, limits=LIMITS, thumbnail_px=None)
    if not isinstance(picture, Picture):
        raise TypeError(picture.detail)
    return picture


def opened(data: bytes) -> Image.Image:
    with Image.open(BytesIO(data)) as picture:
        return picture.convert("RGB")


def embedded(pictures: Sequence[Picture]) -> np.ndarray:
    parts = [pictures[at : at + AT_ONCE] for at in range(0, len(pictures), AT_ONCE)]
    return np.concatenate([picture_model().embed([one.rgb for one in part])[0] for part in parts])


def asked(page: Page, files: Sequence[bytes], *, copies: bool = False) -> list[OnDevice]:
    parts = [files[at : at + AT_ONCE] for at in range(0, len(files), AT_ONCE)]
    return [answer for part in parts for answer in on_device(page, part, copies=copies)]


def is_same_work(code: ClaimedPicture, seen: Picture) -> bool:
    found = match(code, seen.fingerprint)
    return not code.is_flat and found is not None and found.distance <= SAME_WORK_RADIUS


def chosen_of(everything: Sequence[Picture]) -> list[int]:
    """Choose originals among the pictures that are not flat, the same for the same folder."""
    clear = [at for at, picture in enumerate(everything) if picture.fingerprint.quality >= MINIMUM_QUALITY]
    chance = np.random.default_rng(SEED)
    return sorted(chance.choice(clear, min(ORIGINALS, len(clear)), replace=False).tolist())


def decoders(page: Page, originals: Sequence[bytes]) -> list[dict[str, object]]:
    """Say for each format how far the browser's code of a file lies from what we would store of the very same file.

    ``within`` is the share of files whose whole picture differs by at most the budget, ``most`` the furthest that any file lies from
    its own code over all variants: what decides whether it is found.
    """
    told: list[dict[str, object]] = []
    for name, encode in FORMATS.items():
        files = [encode(opened(data)) for data in originals]
        whole, nearest = [], []
        for file, answer in zip(files, asked(page, files), strict=True):
            ours, theirs = read(file).fingerprint, ClaimedPicture.parse(answer.code or "")
            whole.append(hamming(ours.plain, theirs.variants[0]))
            stored = (ours.plain, ours.trimmed)
            nearest.append(min(hamming(value, one) for value in theirs.variants for one in stored))
        within = round(sum(bits <= DECODER_BUDGET for bits in whole) / len(whole), 3)
        told.append({"decoder": name, "within": within, "most": max(nearest)})
    return told


def kinds(
    everything: Sequence[Picture],
    chosen: Sequence[int],
    originals: Sequence[bytes],
    answers: Sequence[OnDevice],
) -> list[dict[str, object]]:
    """Give for each kind of change the share of copies that each way finds."""
    chance = np.random.default_rng(SEED)
    others = embedded(everything)
    counted: dict[str, list[tuple[bool, bool]]] = defaultdict(list)
    for at, data, answer in zip(chosen, originals, answers, strict=True):
        code = ClaimedPicture.parse(answer.code or "")
        looks = embedded([read(answer.copy or b"")])[0]
        # What the code finds stands above the lookalikes, and the original itself is in the folder.
        is_rival = [place != at and not is_same_work(code, other) for place, other in enumerate(everything)]
        rivals = (others @ looks)[is_rival]
        altered = [read(change(opened(data), chance)) for change in CHANGES.values()]
        for kind, copy, cosine in zip(CHANGES, altered, embedded(altered) @ looks, strict=True):
            by_code = is_same_work(code, copy)
            by_look = cosine >= LOOKALIKE_FLOOR and int((rivals > cosine).sum()) < MOST_LOOKALIKES
            counted[kind].append((by_code, by_code or bool(by_look)))
    shares = {kind: np.mean(found, axis=0).round(3).tolist() for kind, found in counted.items()}
    return [{"words": kind, "device": device, "copy": copy} for kind, (device, copy) in shares.items()]


def measure(folder: Path, known: dict[str, object]) -> dict[str, object]:
    """Measure everything, or the decoders alone where ``known`` holds the rest."""
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    everything = [read(path.read_bytes()) for path in files]
    chosen = chosen_of(everything)
    originals = [files[at].read_bytes() for at in chosen]
    with browser_page() as page:
        told = decoders(page, originals)
        answers = [] if known else asked(page, originals, copies=True)
    if known:
        return known | {"decoders": told}
    return {
        "measured_on": f"{datetime.now(UTC):%Y-%m-%d}",
        "originals": len(chosen),
        "copies": len(chosen) * len(CHANGES),
        "others": len(files) - 1,
        "decoders": told,
        "kinds": kinds(everything, chosen, originals, answers),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--decoders", action="store_true", help="measure these alone, keep the other figures")
    given = parser.parse_args()
    with resources.as_file(resources.files("byleave.web") / FILE) as path:
        before = json.loads(path.read_text()) if given.decoders else {}
        figures = json.dumps(measure(given.folder, before), indent=2, ensure_ascii=False) + "\n"
        if given.write:
            path.write_text(figures)
    print(figures, end="")
