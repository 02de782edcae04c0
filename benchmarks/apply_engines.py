"""The SQL engines beside which applying a registry is measured: DataFusion and ClickHouse, both within the process and on one thread.

Each comes twice. The honest rival works *from the same release*, as a trainer with SQL alone would have to: a release carries digests, so links,
hosts, domains and prefixes are hashed in SQL under the same labels (``byleave.urls.names``) and looked for among those of the release. The other one *knows every
link*: it is given the refused links themselves in plain words, which no registry publishes, and hashes nothing.

Their queries know these data: schemes and ``www.`` are cut off by hand, domains have two labels and prefixes one step, so that no engine does more than it must. They
write with the same level of compression, and spare Bloom filters and dictionaries of what never returns. Of the forms that were tried these
took the least time; decision 0186 has the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

NAMES = ("urls", "domains", "prefixes")
"""Files with the refused targets in plain words, for those that know them."""


def files_of(folder: Path) -> list[Path]:
    return sorted((folder / "data").glob("*.parquet"))


def rows_of(paths: list[Path]) -> int:
    return sum(int(pq.read_metadata(path).num_rows) for path in paths)


def codec_of(folder: Path) -> str:
    """Return the codec of the data, as everybody writes its name."""
    return str(pq.read_metadata(files_of(folder)[0]).row_group(0).column(0).compression).lower()


class Engine:
    """An engine that writes the numbers of the rows that go, or the rows that stay, into one file."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.out = folder / f"out-{name}.parquet"
        self.codec = codec_of(folder)
        self.claims = folder / "releases" / "1" / "claims.parquet"

    def query(self, text: str) -> None:
        """Run a statement for what it does."""
        raise NotImplementedError

    def write(self, text: str) -> int:
        """Write what a query answers; return the number of rows."""
        raise NotImplementedError

    def going(self, paths: list[Path]) -> str:
        """Return a query for the numbers of the rows that go."""
        raise NotImplementedError

    def staying(self, paths: list[Path]) -> str:
        """Return a query for the rows that stay, whole."""
        raise NotImplementedError

    def mask(self, paths: list[Path]) -> int:
        return self.write(self.going(paths))

    def filter(self, paths: list[Path]) -> int:
        return rows_of(paths) - self.write(self.staying(paths))

    def places(self, paths: list[Path]) -> Iterator[int]:
        self.mask(paths)
        yield from sorted(pq.read_table(self.out)["id"].to_pylist())


class _DataFusion(Engine):
    LINK = """CASE WHEN starts_with("URL", 'https://www.') THEN substr(replace("URL", '&amp;', '&'), 13)
        WHEN starts_with("URL", 'http://www.') THEN substr(replace("URL", '&amp;', '&'), 12)
        WHEN starts_with("URL", 'https://') THEN substr(replace("URL", '&amp;', '&'), 9) ELSE substr(replace("URL", '&amp;', '&'), 8) END"""
    WRITING = (
        "'format.statistics_enabled' 'chunk', 'format.allow_single_file_parallelism' 'false', "
        "'format.dictionary_enabled' 'false', 'format.dictionary_enabled::\"NSFW\"' 'true'"
    )
    ABOVE = "split_part(host, '.', -2) || '.' || split_part(host, '.', -1)"

    def __init__(self, folder: Path) -> None:
        from datafusion import SessionConfig, SessionContext

        super().__init__(folder, "datafusion")
        self._context: Any = SessionContext(SessionConfig().with_target_partitions(1))

    def hold(self, name: str, table: Any) -> None:
        self._context.register_record_batches(name, [table.to_batches()])

    def query(self, text: str) -> None:
        self._context.sql(text).collect()

    def write(self, text: str) -> int:
        codec = {"zstd": "zstd(1)"}.get(self.codec, self.codec)
        self.query(
            f"COPY ({text}) TO '{self.out}' STORED AS PARQUET OPTIONS ('format.compression' '{codec}', {self.WRITING})"
        )
        return int(pq.read_metadata(self.out).num_rows)

    def rows(self, paths: list[Path]) -> str:
        """Register the files and return them as one relation."""
        for number, path in enumerate(paths):
            self._context.deregister_table(f"rows{number}")
            self._context.register_parquet(f"rows{number}", str(path))
        return "(" + " UNION ALL ".join(f"SELECT * FROM rows{n}" for n in range(len(paths))) + ")"


class DataFusionKnowing(_DataFusion):
    """One join for each kind of target."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        for name in NAMES:
            self.hold(name, pq.read_table(folder / f"{name}.parquet"))

    def _asked(self, paths: list[Path], wanted: str, *, stays: bool) -> str:
        pairs = (("urls", "link"), ("domains", "host"), ("domains", "above"), ("prefixes", "start"))
        parts = [f"EXISTS (SELECT 1 FROM {table} t WHERE t.value = p.{name})" for table, name in pairs]
        condition = " AND ".join(f"NOT {part}" for part in parts) if stays else " OR ".join(parts)
        return f"""
            WITH linked AS (SELECT *, {self.LINK} AS link FROM {self.rows(paths)}),
            named AS (SELECT *, split_part(link, '/', 1) AS host FROM linked),
            parted AS (SELECT *, {self.ABOVE} AS above, host || '/' || split_part(link, '/', 2) || '/' AS start FROM named)
            SELECT {wanted} FROM parted p WHERE {condition}"""

    def going(self, paths: list[Path]) -> str:
        return self._asked(paths, "p.id", stays=False)

    def staying(self, paths: list[Path]) -> str:
        names = ", ".join(f'p."{name}"' for name in pq.read_schema(paths[0]).names)
        return self._asked(paths, names, stays=True)


class DataFusionFromRelease(_DataFusion):
    """Links and hosts are read once and held; hosts are hashed once each, links only where the host stays."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._context.register_parquet("claims", str(self.claims))
        for name, kind, column in _OF_RELEASE:
            self.query(
                f"CREATE TABLE {name} AS SELECT DISTINCT arrow_cast({column}, 'Binary') AS value FROM claims WHERE kind = '{kind}'"
            )

    def going(self, paths: list[Path]) -> str:
        self._tell_hosts(paths)
        start = _df_digest("prefix", "s.host, '/', split_part(link, '/', 2), '/'")
        return f"""
            SELECT id FROM held d WHERE EXISTS (SELECT 1 FROM whole t WHERE t.host = d.host) UNION ALL
            SELECT id FROM (
                SELECT id, hashed, CASE WHEN p.host IS NOT NULL THEN {start} END AS start
                FROM (SELECT id, host, link, {_df_digest("item", "link")} AS hashed FROM held d
                      WHERE NOT EXISTS (SELECT 1 FROM whole t WHERE t.host = d.host)) s
                LEFT JOIN part p ON p.host = s.host) d
            WHERE EXISTS (SELECT 1 FROM url t WHERE t.value = d.hashed) OR EXISTS (SELECT 1 FROM prefix t WHERE t.value = d.start)"""

    def staying(self, paths: list[Path]) -> str:
        self.query("DROP TABLE IF EXISTS gone")
        self.query(f"CREATE TABLE gone AS {self.going(paths)}")
        return (
            f"SELECT r.* FROM {self.rows(paths)} r WHERE NOT EXISTS (SELECT 1 FROM gone g WHERE g.id = r.id)"
        )

    def _tell_hosts(self, paths: list[Path]) -> None:
        made = {
            "held": f"SELECT id, link, split_part(link, '/', 1) AS host FROM (SELECT id, {self.LINK} AS link FROM {self.rows(paths)})",
            "hosts": "SELECT DISTINCT host FROM held",
            "whole": f"""SELECT host FROM (SELECT host, {_df_digest("domain", "host")} AS own, {_df_digest("domain", self.ABOVE)} AS above FROM hosts) d
                WHERE EXISTS (SELECT 1 FROM domain t WHERE t.value = d.own) OR EXISTS (SELECT 1 FROM domain t WHERE t.value = d.above)""",
            "part": f"""SELECT host FROM (SELECT host, {_df_digest("host", "host")} AS own FROM hosts) d
                WHERE EXISTS (SELECT 1 FROM scope t WHERE t.value = d.own)""",
        }
        for name, text in made.items():
            self.query(f"DROP TABLE IF EXISTS {name}")
            self.query(f"CREATE TABLE {name} AS {text}")


class _ChDB(Engine):
    LINK = (
        r"replaceRegexpOne(replaceAll(assumeNotNull(URL), '&amp;', '&'), '^https?://(www\\.)?', '') AS link"
    )
    WRITING = (
        "engine_file_truncate_on_insert = 1, output_format_parquet_parallel_encoding = 0, "
        "output_format_compression_level = 1, output_format_parquet_write_bloom_filter = 0, output_format_parquet_max_dictionary_size = 0, "
        "output_format_parquet_row_group_size = 250000"
    )
    SETTINGS = "SETTINGS max_threads = 1, use_structure_from_insertion_table_in_table_functions = 0"

    def __init__(self, folder: Path) -> None:
        from chdb.session import Session

        super().__init__(folder, "chdb")
        self._session: Any = Session()
        self.query("CREATE DATABASE bench ENGINE = Atomic")

    def query(self, text: str) -> None:
        self._session.query(text)

    def fill(self, name: str, columns: str, engine: str, text: str) -> None:
        """Make a table anew of what a query answers."""
        self.query(f"DROP TABLE IF EXISTS bench.{name}")
        self.query(f"CREATE TABLE bench.{name} ({columns}) ENGINE = {engine}")
        self.query(f"INSERT INTO bench.{name} {text} {self.SETTINGS}")

    def write(self, text: str) -> int:
        codec = f"output_format_parquet_compression_method = '{self.codec}'"
        self.query(
            f"INSERT INTO FUNCTION file('{self.out}', Parquet) {text} {self.SETTINGS}, {self.WRITING}, {codec}"
        )
        return int(pq.read_metadata(self.out).num_rows)

    @staticmethod
    def rows(paths: list[Path]) -> str:
        listed = ",".join(path.name for path in paths)
        source = f"{paths[0].parent}/{{{listed}}}" if len(paths) > 1 else str(paths[0])
        return f"file('{source}', Parquet)"


class ChDBKnowing(_ChDB):
    """One set for each kind of target."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        for name in NAMES:
            self.fill(
                name, "value String", "Set", f"SELECT value FROM file('{folder}/{name}.parquet', Parquet)"
            )

    def _asked(self, paths: list[Path], wanted: str, *, stays: bool) -> str:
        return f"""
            WITH {self.LINK}, substringIndex(link, '/', 1) AS host SELECT {wanted} FROM {self.rows(paths)}
            WHERE {"" if stays else "NOT"} (link NOT IN bench.urls AND host NOT IN bench.domains AND substringIndex(host, '.', -2) NOT IN bench.domains
              AND concat(substringIndex(link, '/', 2), '/') NOT IN bench.prefixes)"""

    def going(self, paths: list[Path]) -> str:
        return self._asked(paths, "id", stays=False)

    def staying(self, paths: list[Path]) -> str:
        return self._asked(paths, "*", stays=True)


class ChDBFromRelease(_ChDB):
    """Links and hosts are read once and held; hosts are hashed once each and told by 64 bits, links looked for by the first 8 bytes of theirs."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        for name, kind, column in _OF_RELEASE:
            chosen = f"FROM file('{self.claims}', Parquet) WHERE kind = '{kind}'"
            self.fill(
                name, "value FixedString(32)", "Set", f"SELECT DISTINCT assumeNotNull({column}) {chosen}"
            )
            if name == "url":
                begins = f"SELECT DISTINCT reinterpretAsUInt64(substring(digest, 1, 8)) {chosen}"
                self.fill("begins", "value UInt64", "Set", begins)

    def going(self, paths: list[Path]) -> str:
        self.fill(
            "held",
            "id Int64, link String, host String, known UInt64",
            "Memory",
            f"WITH {self.LINK}, substringIndex(link, '/', 1) AS host SELECT id, link, host, cityHash64(host) FROM {self.rows(paths)}",
        )
        self.fill("hosts", "host String", "Memory", "SELECT any(host) FROM bench.held GROUP BY known")
        own, above = (_ch_digest("domain", name) for name in ("host", "substringIndex(host, '.', -2)"))
        refused = f"{own} IN bench.domain OR {above} IN bench.domain"
        begun = f"{_ch_digest('host', 'host')} IN bench.scope"
        for name, condition in (("whole", refused), ("part", begun)):
            text = f"SELECT cityHash64(host) FROM bench.hosts WHERE {condition}"
            self.fill(name, "known UInt64", "Set", text)
        start = _ch_digest("prefix", "substringIndex(link, '/', 2), '/'")
        return f"""
            WITH {_ch_digest("item", "link")} AS hashed SELECT id FROM bench.held
            WHERE NOT (known NOT IN bench.whole AND (known NOT IN bench.part OR {start} NOT IN bench.prefix)
              AND (reinterpretAsUInt64(hashed) NOT IN bench.begins OR hashed NOT IN bench.url))"""

    def staying(self, paths: list[Path]) -> str:
        self.fill("gone", "id Int64", "Set", self.going(paths))
        return f"SELECT * FROM {self.rows(paths)} WHERE id NOT IN bench.gone"


_OF_RELEASE = (
    ("url", "url", "digest"),
    ("domain", "domain", "digest"),
    ("prefix", "prefix", "digest"),
    ("scope", "prefix", "scope_host"),
)
"""Tables of digests: name, kind of target, column of the release."""


def _df_digest(label: str, parts: str) -> str:
    return f"sha256(concat('byleave/{label}/1', chr(0), {parts}))"


def _ch_digest(label: str, parts: str) -> str:
    return rf"SHA256(concat('byleave/{label}/1\0', {parts}))"
