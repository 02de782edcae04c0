"""Makes the data of the other ``apply_*`` benchmarks: LAION-like rows, and a signed and synced registry that refuses some of them.

Hosts follow Zipf's law, links have about 80 characters and captions 60, and eight further columns stand beside them. Everything follows from
the row's number and a seed, so that every run makes the same bytes.

    python benchmarks/apply_data.py --to FOLDER [--rows 1000000] [--large]
"""

from __future__ import annotations

import argparse
import hashlib
import math
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from byleave.apply.compiling import compile_synced
from byleave.consent import ClaimState, Evidence, Preference, TargetKind
from byleave.fingerprints import PICTURE_VERSION
from byleave.release import SigningKey, sync
from byleave.release.rows import SCHEMA
from byleave.release.writing import Heading, write_sorted_release
from byleave.urls import domain_digest, host_digest, picture_digest, prefix_digest, url_digest

NOW = datetime(2026, 1, 2, tzinfo=UTC)
ROWS_OF_A_FILE = 1_000_000
ROWS_OF_A_GROUP = 250_000
USERS = 40
KEY = SigningKey.from_seed("bench.example/list", bytes(32))
WORDS = pa.array(
    [a + b for a in ("st", "ar", "mo", "lin", "qu", "ver", "pe", "ho") for b in ("one", "ick", "al", "ish")]
)
DIGITS = np.frombuffer(b"0123456789abcdef", np.uint8)

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much to make."""

    rows: int
    hosts: int
    urls: int
    domains: int
    prefixes: int
    pictures: int

    @classmethod
    def of(cls, rows: int, *, large: bool) -> Sizes:
        """Return the sizes of the whole benchmark, or a tenth of its registry."""
        if large:
            return cls(rows, 500_000, 2_000_000, 50_000, 5_000, 500_000)
        return cls(rows, 500_000, 200_000, 5_000, 500, 0)


def host(rank: int) -> str:
    """Return the host of a rank, in canonical form."""
    return f"{('', 'img.', '', 'cdn.')[rank % 4]}{domain(rank)}"


def domain(rank: int) -> str:
    """Return the domain that a rank's host stands at or below."""
    return f"{WORDS[rank % len(WORDS)]}{rank:x}.{('example', 'test', 'invalid')[rank % 3]}"


def hex_texts(randomness: np.random.Generator, count: int, length: int) -> pa.Array:
    """Return random hex digits, ``length`` an entry."""
    content = DIGITS[randomness.integers(0, 16, (count, length), np.uint8)]
    offsets = np.arange(count + 1, dtype=np.int64) * length
    texts = pa.LargeStringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(content.tobytes()))
    return texts.cast(pa.string())


@dataclass(frozen=True, slots=True)
class Links:
    """The parts of some links: rank of the host, number of the user below it, the rest of the path, and which carry a query."""

    ranks: Numbers
    users: Numbers
    rests: pa.Array
    queried: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, number: int, rows: int, hosts: int) -> Links:
        """Return the links of file ``number``."""
        randomness = np.random.default_rng([7, number])
        ranks = np.minimum(np.exp(randomness.random(rows) * math.log(hosts)).astype(np.int64), hosts - 1)
        rests = hex_texts(randomness, rows, 36)
        return cls(ranks, randomness.integers(0, USERS, rows), rests, randomness.random(rows) < 0.12)

    def written(self, names: pa.Array, places: Numbers, *, canonical: bool) -> pa.Array:
        """Return these links of the hosts ``names``, as the dataset has them or in canonical form."""
        users = pa.array([f"user{user}" for user in range(USERS)]).take(pa.array(self.users[places]))
        paths = pc.binary_join_element_wise(users, self.rests.take(pa.array(places)), "/")
        and_ = "&" if canonical else "&amp;"
        ends = pc.if_else(pa.array(self.queried[places]), f".jpg?w=600{and_}h=400", ".jpg")
        hosts = names.take(pa.array(self.ranks[places]))
        start = "" if canonical else pc.if_else(pa.array(self.ranks[places] % 8 == 2), "www.", "")
        begins = pa.scalar("") if canonical else pa.scalar("https://")
        return pc.binary_join_element_wise(begins, start, hosts, "/", paths, ends, "")


def files_of(sizes: Sizes) -> Iterator[tuple[int, int]]:
    """Yield number and rows of each file."""
    for number in range(-(-sizes.rows // ROWS_OF_A_FILE)):
        yield number, min(ROWS_OF_A_FILE, sizes.rows - number * ROWS_OF_A_FILE)


def write_dataset(folder: Path, sizes: Sizes, codec: str = "zstd") -> None:
    """Write the files of the dataset."""
    folder.mkdir(parents=True, exist_ok=True)
    names = pa.array([host(rank) for rank in range(sizes.hosts)])
    for number, rows in files_of(sizes):
        links = Links.of(number, rows, sizes.hosts).written(names, np.arange(rows), canonical=False)
        table = pa.table({"URL": links} | _further(number, rows))
        path = folder / f"part-{number:04d}.parquet"
        pq.write_table(
            table, path, compression=codec, use_dictionary=["NSFW"], row_group_size=ROWS_OF_A_GROUP
        )


def _further(number: int, rows: int) -> dict[str, pa.Array]:
    randomness = np.random.default_rng([8, number])
    words = [WORDS.take(pa.array(randomness.integers(0, len(WORDS), rows))) for _ in range(10)]
    pictures = pa.py_buffer(randomness.bytes(32 * rows))
    return {
        "TEXT": pc.binary_join_element_wise(*words, " "),
        "id": pa.array(np.arange(rows) + number * ROWS_OF_A_FILE),
        "pdq": pa.FixedSizeBinaryArray.from_buffers(pa.binary(32), rows, [None, pictures]),
        "WIDTH": pa.array(randomness.integers(64, 4096, rows, np.int32)),
        "HEIGHT": pa.array(randomness.integers(64, 4096, rows, np.int32)),
        "similarity": pa.array(randomness.random(rows)),
        "pwatermark": pa.array(randomness.random(rows, np.float32)),
        "punsafe": pa.array(randomness.random(rows, np.float32)),
        "NSFW": pa.array(["UNLIKELY", "UNSURE", "NSFW"]).take(pa.array(randomness.integers(0, 3, rows))),
    }


@dataclass(frozen=True, slots=True)
class Targets:
    """What is refused: links, domains and prefixes in canonical form."""

    urls: pa.Array
    domains: list[str]
    prefixes: list[str]

    def tables(self) -> dict[str, pa.Table]:
        """Return them as plain tables, which nobody but these benchmarks has: a release carries digests."""
        columns = {"urls": self.urls, "domains": self.domains, "prefixes": self.prefixes}
        return {name: pa.table({"value": pa.array(values, pa.string())}) for name, values in columns.items()}


def targets_of(sizes: Sizes) -> Targets:
    """Choose them: one link in four stands in the dataset, prefixes and domains are of hosts that are not the most frequent."""
    randomness = np.random.default_rng(9)
    names = pa.array([host(rank) for rank in range(sizes.hosts)])
    files = list(files_of(sizes))
    wanted = min(sizes.urls // 4, sizes.rows // 10)
    hit = [
        Links.of(number, rows, sizes.hosts).written(names, places, canonical=True)
        for number, rows in files
        for places in [randomness.choice(rows, wanted // len(files), replace=False)]
    ]
    missed = sizes.urls - sum(len(part) for part in hit)
    none = Links.of(1_000_000, missed, sizes.hosts).written(names, np.arange(missed), canonical=True)
    ranks = randomness.choice(
        np.arange(sizes.hosts // 500, sizes.hosts), sizes.domains + sizes.prefixes, False
    )
    return Targets(
        urls=pa.concat_arrays([*hit, none]),
        domains=[domain(rank) for rank in ranks[: sizes.domains].tolist()],
        prefixes=[f"{host(rank)}/user{rank % USERS}/" for rank in ranks[sizes.domains :].tolist()],
    )


def claims_table(targets: Targets, sizes: Sizes) -> pa.Table:
    """Return a refusal of training for each target, sorted as a release has them."""
    prefix_hosts = [host_digest(prefix.partition("/")[0]) for prefix in targets.prefixes]
    values = [_picture(number) for number in range(sizes.pictures)]
    kinds: list[tuple[TargetKind, list[bytes], list[bytes] | None, list[str] | None]] = [
        (TargetKind.DOMAIN, [domain_digest(name) for name in targets.domains], None, None),
        (TargetKind.PICTURE, [picture_digest(value) for value in values], None, values),
        (TargetKind.PREFIX, [prefix_digest(prefix) for prefix in targets.prefixes], prefix_hosts, None),
        (TargetKind.URL, [url_digest(url) for url in targets.urls.to_pylist()], None, None),
    ]
    parts, first = [], 1
    for kind, digests, scopes, ticked in kinds:
        part = _statements(kind, digests, scopes, ticked, first)
        parts.append(part.sort_by([("digest", "ascending")]))
        first += len(digests)
    return pa.concat_tables(parts)


def _picture(number: int) -> str:
    return f"{PICTURE_VERSION}:100:{hashlib.sha256(number.to_bytes(8)).hexdigest()}"


def _statements(
    kind: TargetKind, digests: list[bytes], scopes: list[bytes] | None, ticked: list[str] | None, first: int
) -> pa.Table:
    count = len(digests)
    numbers = np.arange(first, first + count)
    ids = pa.array([hashlib.sha256(number.to_bytes(8)).digest()[:16] for number in numbers.tolist()])
    made: dict[str, Callable[[pa.DataType], pa.Array]] = {
        "claim": ids.cast,
        "claimant": ids.cast,
        "kind": lambda type_: pa.repeat(pa.scalar(kind.value, type_), count),
        "digest": pa.array(digests, pa.binary(32)).cast,
        "salt": ids.cast,
        "scope_host": pa.array(scopes or pa.nulls(count), pa.binary(32)).cast,
        "value": pa.array(ticked or pa.nulls(count), pa.string()).cast,
        "evidence": lambda type_: pa.repeat(pa.scalar(int(Evidence.E5), type_), count),
        "state": lambda type_: pa.repeat(pa.scalar(ClaimState.EFFECTIVE.value, type_), count),
        "disputed": lambda type_: pa.repeat(pa.scalar(False, type_), count),
        "stale": lambda type_: pa.repeat(pa.scalar(False, type_), count),
        "filed_at": lambda type_: pa.repeat(pa.scalar(NOW - timedelta(days=2), type_), count),
        "effective_at": lambda type_: pa.repeat(pa.scalar(NOW - timedelta(days=1), type_), count),
        "number": pa.array(numbers).cast,
    }
    columns = []
    for field in SCHEMA:
        if field.name in made:
            columns.append(made[field.name](field.type))
        elif field.type == pa.uint8():
            columns.append(pa.repeat(pa.scalar(int(Preference.DENY), pa.uint8()), count))
        else:
            columns.append(pa.nulls(count, field.type))
    return pa.table(columns, schema=SCHEMA)


def write_registry(folder: Path, sizes: Sizes) -> Targets:
    """Publish, sync and compile the registry in ``folder``; its ruleset then stands in ``folder/synced``."""
    targets = targets_of(sizes)
    claims = claims_table(targets, sizes)
    heading = Heading(1, NOW, {}, claims.num_rows)
    write_sorted_release(folder / "releases", claims.to_batches(65_536), heading, key=KEY)
    sync(str(folder / "releases"), folder / "synced", keys=[KEY.verifier])
    compile_synced(folder / "synced")
    return targets


def main() -> None:
    """Make the data where one wants to look at it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path)
    parser.add_argument("--rows", type=int)
    parser.add_argument("--large", action="store_true", help="20 million rows and the whole registry")
    given = parser.parse_args()
    sizes = Sizes.of(given.rows or (20_000_000 if given.large else 100_000), large=given.large)
    with tempfile.TemporaryDirectory() as aside:
        folder = given.to or Path(aside)
        write_dataset(folder / "data", sizes)
        write_registry(folder, sizes)
        size = sum(path.stat().st_size for path in (folder / "data").iterdir())
        print(f"{sizes.rows:,} rows in {size / 1e6:,.0f} MB, {sizes.urls:,} links refused")


if __name__ == "__main__":
    main()
