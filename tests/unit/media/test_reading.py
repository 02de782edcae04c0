"""What is kept of a picture, and what a claim keeps of it."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageOps
from tests.unit.media.pictures import bordered, encoded, photo

from byleave.fingerprints import PICTURE_VERSION, SAME_WORK_RADIUS, ClaimedPicture, hamming, match
from byleave.media import THUMBNAIL_PX, Picture, claimed_picture, describe
from byleave.media.pdq import dihedral, luma, measure, pdq
from byleave.settings import Limits

LIMITS = Limits()
PHOTO = photo(3, (640, 480))


def described(picture: Image.Image, thumbnail_px: int | None = THUMBNAIL_PX) -> Picture:
    answer = describe(encoded(picture), limits=LIMITS, thumbnail_px=thumbnail_px)
    assert isinstance(answer, Picture)
    return answer


def claimed(picture: Image.Image) -> ClaimedPicture:
    answer = claimed_picture(encoded(picture), limits=LIMITS)
    assert isinstance(answer, ClaimedPicture)
    return answer


def test_a_picture_is_described_in_full() -> None:
    data = encoded(PHOTO)
    picture = describe(data, limits=LIMITS)
    assert isinstance(picture, Picture)
    assert (picture.width, picture.height, picture.format) == (640, 480, "jpeg")
    assert picture.digest == hashlib.sha256(data).digest()
    assert picture.fingerprint.version == PICTURE_VERSION
    assert picture.fingerprint.plain == pdq(luma(picture.rgb))[0]
    assert picture.rgb.shape == (384, 512, 3)


def test_a_thumbnail_is_a_small_jpeg_without_metadata() -> None:
    exif = Image.Exif()
    exif[0x013B] = "Jo Doe"
    answer = describe(encoded(PHOTO, exif=exif), limits=LIMITS)
    assert isinstance(answer, Picture)
    assert answer.thumbnail is not None
    with Image.open(BytesIO(answer.thumbnail)) as thumbnail:
        assert (thumbnail.format, thumbnail.size) == ("JPEG", (192, 144))
        assert not thumbnail.getexif()
    assert b"Jo Doe" not in answer.thumbnail


def test_thumbnails_are_never_enlarged_and_can_be_left_out() -> None:
    small = described(PHOTO.resize((50, 40)))
    assert small.thumbnail is not None
    with Image.open(BytesIO(small.thumbnail)) as thumbnail:
        assert thumbnail.size == (50, 40)
    assert described(PHOTO, None).thumbnail is None


@pytest.mark.parametrize("turn", list(Image.Transpose), ids=lambda turn: turn.name.lower())
def test_a_claim_matches_its_picture_however_it_is_turned_or_mirrored(turn: Image.Transpose) -> None:
    found = match(claimed(PHOTO), described(PHOTO.transpose(turn)).fingerprint)
    assert found is not None
    assert found.distance <= SAME_WORK_RADIUS


def test_a_claim_on_a_framed_picture_matches_the_bare_one() -> None:
    found = match(claimed(bordered(PHOTO, "white")), described(ImageOps.mirror(PHOTO)).fingerprint)
    assert found is not None
    assert found.distance <= SAME_WORK_RADIUS


def test_a_claim_holds_distinct_values_sixteen_at_most() -> None:
    assert len(claimed(PHOTO).variants) == 8
    framed = claimed(bordered(PHOTO, "white")).variants
    assert len(framed) == len(set(framed)) == 16


def test_a_flat_picture_is_known_as_flat() -> None:
    flat = claimed(Image.new("RGB", (300, 200), "white"))
    assert flat.quality == 0
    assert flat.is_flat


def test_another_picture_is_no_match() -> None:
    assert match(claimed(PHOTO), described(photo(99, (640, 480))).fingerprint) is None


class TestPDQ:
    def test_one_transform_gives_what_eight_turned_pictures_give(self) -> None:
        rgb = np.asarray(PHOTO)
        left = [np.rot90(rgb, quarter) for quarter in range(4)]
        turned = [*left, rgb[::-1], rgb[:, ::-1], rgb.transpose(1, 0, 2), np.rot90(rgb, 2).transpose(1, 0, 2)]
        for ours, pixels in zip(dihedral(luma(rgb)), turned, strict=True):
            assert hamming(ours, pdq(luma(np.ascontiguousarray(pixels)))[0]) <= 16

    @pytest.mark.parametrize("shape", [(1, 1), (1, 200), (200, 1), (2, 3), (64, 64), (63, 129)])
    def test_every_size_has_a_value(self, shape: tuple[int, int]) -> None:
        brightness = np.random.default_rng(0).uniform(0, 255, shape).astype(np.float32)
        values, quality = measure(brightness)
        assert {len(value) for value in values} == {32}
        assert 0 <= quality <= 100

    def test_half_of_the_bits_are_set(self) -> None:
        value, _ = pdq(luma(np.asarray(PHOTO)))
        assert int.from_bytes(value).bit_count() == 128

    def test_the_callers_pixels_are_not_changed(self) -> None:
        brightness = luma(np.asarray(PHOTO))
        before = brightness.copy()
        measure(brightness)
        np.testing.assert_array_equal(brightness, before)


def test_importing_the_room_loads_nothing_heavy() -> None:
    code = "import sys, byleave.media, byleave.hamming; print({'numba', 'PIL', 'numpy', 'openvino'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
