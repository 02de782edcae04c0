"""What tells the package ``datasets`` which files of an output hold rows, so that it loads these and nothing of ours.

Without being told it takes every file below a folder. It reads ``configs`` from the dataset card, and before that from a file whose hidden name other
readers of a folder pass over. The input's ``configs`` are kept where there are some: the output has the same names. Where there are none, they are made
of the names by the rules that the package itself tells splits by.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from glob import escape
from pathlib import Path
from typing import Final

from byleave.storage import OWN_FOLDER

CARD: Final = ".huggingface.yaml"
README: Final = "README.md"
MOST_CARD_BYTES: Final = 16 * 1024 * 1024
"""What stands further behind in a card is not read."""

_SAID: Final = f"# Names the files with rows, so that what stands in {OWN_FOLDER} is not loaded with them.\n"
_FRONT: Final = re.compile(r"\s*---\n(.*?)\n---(?:\n|\Z)", re.DOTALL)
_CONFIGS: Final = re.compile(r"^configs:.*\n(?:(?:[ #-].*)?\n)*", re.MULTILINE)
_BEYOND: Final = re.compile(r"""\*\*|://|\.\.|\\|(?:^|[\s'"\[,])/""")
"""Patterns that go through all folders, ours too, and names that lead out of the folder: the rows there were not decided about."""

_KINDS: Final = ("parquet", "jsonl", "csv", "txt", "tsv", "tar", "ndjson")
"""Endings of files with rows; of as many files of two kinds the package takes the one that comes first here."""

_ENDING: Final = re.compile(rf"\.({'|'.join(_KINDS)})(?:\.gz)?\Z")
_NUMBERED: Final = re.compile(r"data/(?P<split>\w+(?:\.\w+)*)-[0-9]{5}-of-[0-9]{5}[^/]*")
_APART: Final = "[-._ 0-9]"
_WORDS: Final[Mapping[str, str]] = {
    "train": "train|training",
    "validation": "validation|valid|dev|val",
    "test": "test|testing|eval|evaluation",
}
_FOLDERS: Final = {
    split: re.compile(f"(?:^|/|{_APART})(?:{words})(?:{_APART}[^/]*)?/") for split, words in _WORDS.items()
}
_FILES: Final = {
    split: re.compile(f"(?:^|/|{_APART})(?:{words}){_APART}[^/]*$") for split, words in _WORDS.items()
}


def card_of(names: Iterable[str], configs: str | None) -> bytes | None:
    """Return the card of an output with files of these names, or ``None`` if the package would find no rows in it.

    Of files of several kinds those count of which there are most, as for the package.

    Parameters
    ----------
    configs
        Those of the input, if it has some.
    """
    kinds: dict[str, list[str]] = {kind: [] for kind in _KINDS}
    for name in names:
        if (told := _ENDING.search(name)) and not name.startswith(f"{OWN_FOLDER}/"):
            kinds[told[1]].append(name)
    data = max(kinds.values(), key=len)
    if not data:
        return None
    return (_SAID + (configs or _configs(sorted(data)))).encode("utf-8", "backslashreplace")


def configs_in(folder: Path) -> str | None:
    """Return the ``configs`` of the dataset in a folder as they stand in its card, or ``None`` if there are none, or they take more than its files with rows."""
    for name in (CARD, README):
        path = folder / name
        if path.is_file() and (found := _found(path)):
            return found if "data_files" in found and not _BEYOND.search(found) else None
    return None


def _found(path: Path) -> str | None:
    with path.open("rb") as file:
        content = file.read(MOST_CARD_BYTES)
    text = content.decode("utf-8", "replace").replace("\r\n", "\n")
    if path.name == README:
        front = _FRONT.match(text)
        text = front[1] + "\n" if front else ""
    configs = _CONFIGS.search(text)
    return configs[0] if configs else None


def _configs(names: Sequence[str]) -> str:
    lines = ["configs:", "- config_name: default", "  data_files:"]
    for split, chosen in _splits(names).items():
        lines += [f"  - split: {json.dumps(split)}", "    path:"]
        lines += [f"    - {json.dumps(pattern, ensure_ascii=False)}" for pattern in _patterns(chosen, names)]
    return "\n".join(lines) + "\n"


def _splits(names: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """Return the names of each split: told by numbered files in ``data``, else by words in folders, else by words in files."""
    numbered: dict[str, list[str]] = {}
    for name in names:
        if told := _NUMBERED.fullmatch(name):
            numbered.setdefault(told["split"], []).append(name)
    if numbered:
        first = {split: numbered.pop(split) for split in _WORDS if split in numbered}
        return {**first, **dict(sorted(numbered.items()))}
    for words in (_FOLDERS, _FILES):
        found = {split: [name for name in names if told.search(name)] for split, told in words.items()}
        if any(found.values()):
            return {split: chosen for split, chosen in found.items() if chosen}
    return {"train": names}


def _patterns(chosen: Sequence[str], names: Sequence[str]) -> Iterable[str]:
    """Yield a pattern for each folder of which all files are chosen, and the names of the others."""
    every, taken = Counter(map(_place, names)), Counter(map(_place, chosen))
    whole = {place: None for place in taken if taken[place] == every[place]}
    yield from (f"{escape(folder)}*{ending}" for folder, ending in whole)
    yield from (escape(name) for name in chosen if _place(name) not in whole)


def _place(name: str) -> tuple[str, str]:
    """Return the folder of a file, with its slash, and the ending of its name."""
    folder, slash, file = name.rpartition("/")
    ending = _ENDING.search(file)
    return folder + slash, ending[0] if ending else ""
