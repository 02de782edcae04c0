"""Tests of bytes that a codec does not make smaller: they are stored in its form, and others read them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.unit.apply.drawn_files import rewritten

from byleave.apply.pages.codecs import Codec, compress, decompress

CODECS = [codec for codec in Codec if codec is not Codec.UNCOMPRESSED]


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("size", [0, 1, 65_535, 128 * 1024, 128 * 1024 + 1, 300_000])
def test_what_is_stored_in_the_form_of_a_codec_is_read_by_arrow_and_by_us(codec: Codec, size: int) -> None:
    data = np.random.default_rng(size).bytes(size)
    stored = compress(codec, memoryview(data), shrinks=False)
    assert len(stored) <= size + 64 + size // 1000
    assert pa.Codec(codec.name.lower()).decompress(stored, size, asbytes=True) == data
    assert bytes(decompress(codec, bytes(stored), size)) == data


@pytest.mark.parametrize("codec", CODECS)
def test_digests_go_out_of_a_file_that_grows_by_nothing(tmp_path: Path, codec: Codec) -> None:
    digests = pa.array([np.random.default_rng(row).bytes(32) for row in range(20_000)], pa.binary(32))
    path, stays = tmp_path / "in.parquet", np.random.default_rng(1).random(20_000) < 0.9
    pq.write_table(pa.table({"digest": digests}), path, compression=codec.name.lower(), use_dictionary=False)
    with rewritten(path, stays) as after:
        assert after.read()["digest"].combine_chunks().equals(digests.filter(pa.array(stays)))
        before, size = (
            pq.ParquetFile(path).metadata.row_group(0).column(0),
            after.metadata.row_group(0).column(0),
        )
        assert size.total_compressed_size <= before.total_compressed_size * stays.mean() + 100


def test_a_page_that_its_codec_makes_smaller_is_made_smaller_again(tmp_path: Path) -> None:
    table = pa.table({"caption": ["a picture of a cat"] * 20_000})
    path, stays = tmp_path / "in.parquet", np.random.default_rng(1).random(20_000) < 0.9
    pq.write_table(table, path, compression="zstd", use_dictionary=False)
    with rewritten(path, stays) as after:
        assert after.metadata.row_group(0).column(0).total_compressed_size < 3_000
