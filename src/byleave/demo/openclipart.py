"""Debian's ``openclipart-svg``: drawings in the public domain, each with a title, tags and the name of its maker."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from xml.etree.ElementTree import Element

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from byleave.demo.debfile import PackageLimits, files_in_package
from byleave.demo.drawings import Collection, Drawing, slug, with_own_titles
from byleave.errors import UnavailableError

PACKAGE = "openclipart-svg"
CREDIT = "Drawings: the Open Clip Art Library and its contributors, public domain, by way of Debian's openclipart-svg."
ROOT = "usr/share/openclipart/svg/"

PUBLIC_DOMAIN = frozenset(
    {"http://web.resource.org/cc/PublicDomain", "http://creativecommons.org/licenses/publicdomain/"}
)
"""The two ways in which files of release 0.18 state a dedication. 61 state nothing and two the GPL: left out."""

SERIES = (
    "computer/buttons/",  # one button in many colours
    "computer/icons/",  # icon themes: up to 552 variations of one sheet of paper
    "recreation/games/cards/",  # four decks of the same 54 cards
    "shapes/",  # spirographs (1,378), arrows, jigsaw pieces
    "signs_and_symbols/flags/",  # flags, many of them three stripes
    "signs_and_symbols/led/",  # one lamp in 58 states
    "special/",  # gradients and patterns
    "unsorted/duplicates/",
)
"""Folders of series: in them two files look alike by design, so neither is a stranger to the other."""

DOWNLOAD_SECONDS = 120.0
LISTS_SECONDS = 90.0
TITLE_CHARACTERS = 80
TAGS = 8
NOBODY = frozenset({"unknown", "anonymous", "none", "hash", "c..."})

CC = "{http://web.resource.org/cc/}"
DC = "{http://purl.org/dc/elements/1.1/}"
RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"


def collect(folder: Path) -> Collection:
    """Read the package in ``folder``, downloading it first when it is not there.

    Raises
    ------
    UnavailableError
        If ``apt-get`` is not there or cannot fetch the package in time.
    FormatError
        If what came is no readable package.
    """
    package = download(folder)
    left_out: Counter[str] = Counter()
    found: dict[bytes, Drawing] = {}
    for path, content in sorted(files_in_package(package.read_bytes(), _is_drawing)):
        drawing = _drawing(path.removeprefix(ROOT), content, left_out)
        if drawing is not None and found.setdefault(sha256(content).digest(), drawing) is not drawing:
            left_out["the same file in another folder"] += 1
    return Collection(PACKAGE, CREDIT, tuple(with_own_titles(list(found.values()))), left_out)


def download(folder: Path, *, apt_get: str = "apt-get") -> Path:
    """Fetch the package into ``folder`` without root, and return the file; one already there is used.

    The lists of this machine are tried first. Where there are none (a fresh container), lists are fetched into
    ``folder`` and the machine's own stay as they are.
    """
    if found := _package_in(folder):
        return found
    if shutil.which(apt_get) is None:
        raise UnavailableError(
            f"`{apt_get}` is not on this machine", remedy="other pictures are used instead"
        )
    folder.mkdir(parents=True, exist_ok=True)
    problems = []
    for own_lists in (False, True):
        options = _own_lists(folder) if own_lists else []
        if own_lists:
            _apt([apt_get, *options, "update"], folder, LISTS_SECONDS)
        problems.append(_apt([apt_get, *options, "download", PACKAGE], folder, DOWNLOAD_SECONDS))
        if found := _package_in(folder):
            return found
    raise UnavailableError(
        f"`{apt_get} download {PACKAGE}` failed: {'; '.join(filter(None, problems))}",
        remedy="other pictures are used instead",
    )


def _package_in(folder: Path) -> Path | None:
    limit = PackageLimits().package_bytes
    found = sorted(p for p in folder.glob(f"{PACKAGE}_*.deb") if 0 < p.stat().st_size <= limit)
    return found[-1] if found else None


def _own_lists(folder: Path) -> list[str]:
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / "apt" / name).mkdir(parents=True, exist_ok=True)
    return ["-o", f"Dir::State::Lists={folder}/apt/lists", "-o", f"Dir::Cache={folder}/apt/cache"]


def _apt(command: list[str], folder: Path, seconds: float) -> str:
    """Run one ``apt-get`` and return what went wrong in one line, or nothing."""
    try:
        done = subprocess.run(
            command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        return f"no answer in {seconds:.0f} seconds"
    except OSError as error:
        return str(error)
    if done.returncode == 0:
        return ""
    lines = done.stderr[-2000:].decode("utf-8", "replace").split("\n")
    errors = [line.removeprefix("E:").strip() for line in lines if line.startswith("E:")]
    return errors[0] if errors else f"exit {done.returncode}"


def _is_drawing(path: str) -> bool:
    return path.startswith(ROOT) and path.endswith(".svg")


def _drawing(path: str, content: bytes, left_out: Counter[str]) -> Drawing | None:
    """Read the credits of one file, or count why it is left out."""
    if path.startswith(SERIES):
        left_out["one of a series"] += 1
        return None
    try:
        root = fromstring(content)
    except (ParseError, DefusedXmlException, ValueError):
        left_out["not readable XML"] += 1
        return None
    work = next(root.iter(CC + "Work"), None)
    licence = _attribute(work, "license", "resource")
    if work is None or licence not in PUBLIC_DOMAIN:
        left_out["licence is not public domain"] += 1
        return None
    creator = person(_text(work, f"{DC}creator//{DC}title"))
    if not slug(creator):
        left_out["maker is not named"] += 1
        return None
    return Drawing(path.removesuffix(".svg"), _title(work), creator, tuple(_tags(work)), licence, content)


def person(stated: str) -> str:
    """Reduce a stated maker to a name: addresses and links in it are nobody's business here.

    Empty when nothing but an address was stated, or that nobody is known.
    """
    bare = re.sub(r"[(<\[].*?(?:[)>\]]|$)", " ", stated)
    bare = re.sub(r"\S*(?:@|://|www\.)\S*|\b[\w-]{2,}\.[a-z]{2,3}\b(?:/\S*)?|&\w+;", " ", bare)
    name = " ".join(bare.split()).strip(" -,;:/")[:TITLE_CHARACTERS]
    return "" if name.casefold() in NOBODY else name


def _title(work: Element) -> str:
    stated = _text(work, f"{DC}title")
    # One contributor put his name before every title; the name has its own place here.
    return re.sub(r"^Clipart by .{1,40}? - ", "", stated).replace("_", " ").strip()[:TITLE_CHARACTERS]


def _tags(work: Element) -> Iterator[str]:
    stated = (" ".join((item.text or "").split()) for item in work.iterfind(f"{DC}subject//{RDF}li"))
    yield from list(dict.fromkeys(tag for tag in stated if tag and len(tag) <= TITLE_CHARACTERS))[:TAGS]


def _text(work: Element, path: str) -> str:
    found = work.find(path)
    return " ".join((found.text or "").split()) if found is not None else ""


def _attribute(work: Element | None, tag: str, name: str) -> str:
    found = work.find(CC + tag) if work is not None else None
    return (found.get(RDF + name) or "").strip() if found is not None else ""
