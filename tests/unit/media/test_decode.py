"""Every supported kind of picture becomes the same kind of working copy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.unit.media.pictures import encoded, photo

from byleave.fingerprints import SAME_WORK_RADIUS, hamming
from byleave.media import Unusable, UnusableKind
from byleave.media.decode import ORIENTATION, Decoded, decode, full_size_pixels, oriented
from byleave.media.pdq import luma, pdq
from byleave.settings import Limits

LIMITS = Limits()
PICTURE = photo(1, (640, 480))
JPEG_BITS = 8
"""Bits that moderate recompression may move; 31 make two works one."""

SCALING_BITS = 12
"""Bits that JPEG's own scaling may move against a full decode; 6 were measured."""


def read(data: bytes, limits: Limits = LIMITS) -> Decoded:
    decoded = decode(data, limits)
    assert isinstance(decoded, Decoded), decoded
    return decoded


def value(data: bytes) -> bytes:
    return pdq(luma(read(data).rgb))[0]


def near(pixel: Any, colour: tuple[int, int, int], tolerance: int = 6) -> bool:
    return bool(np.abs(np.asarray(pixel, np.int16) - colour).max() <= tolerance)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_every_format_gives_the_same_fingerprint_within_few_bits(form: str) -> None:
    data = encoded(PICTURE, form)
    decoded = read(data)
    assert (decoded.width, decoded.height, decoded.format) == (640, 480, form.lower())
    assert decoded.rgb.shape == (384, 512, 3)
    assert decoded.rgb.dtype == np.uint8
    allowed = SAME_WORK_RADIUS if form == "GIF" else JPEG_BITS  # 256 colours cost more than compression does.
    assert hamming(value(data), value(encoded(PICTURE, "PNG"))) <= allowed


@pytest.mark.parametrize(
    ("size", "shape"),
    [
        ((1024, 512), (256, 512, 3)),
        ((512, 1024), (512, 256, 3)),
        ((512, 512), (512, 512, 3)),
        ((100, 30), (30, 100, 3)),
        ((1, 1), (1, 1, 3)),
        ((1, 3000), (512, 1, 3)),
        ((3000, 1), (1, 512, 3)),
    ],
)
@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_the_long_side_is_512_and_nothing_is_enlarged(
    form: str, size: tuple[int, int], shape: tuple[int, ...]
) -> None:
    assert read(encoded(Image.new("RGB", size, "teal"), form)).rgb.shape == shape


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16", "I"])
def test_every_pixel_type_comes_out_as_rgb_of_the_same_brightness(mode: str) -> None:
    grey = PICTURE.convert("L")
    if mode.startswith("I"):
        picture = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
        picture = picture if mode == "I;16" else Image.fromarray(np.asarray(picture).astype(np.int32))
    else:
        picture = grey.convert("RGB").convert(mode)
    decoded = read(encoded(picture, "TIFF"))
    assert decoded.rgb.shape == (384, 512, 3)
    assert abs(float(decoded.rgb.mean()) - float(np.asarray(grey).mean())) < 3


def test_a_cmyk_jpeg_is_read() -> None:
    decoded = read(encoded(PICTURE.convert("CMYK"), "JPEG"))
    assert (decoded.width, decoded.height, decoded.rgb.shape) == (640, 480, (384, 512, 3))
    assert hamming(pdq(luma(decoded.rgb))[0], value(encoded(PICTURE))) <= JPEG_BITS


def test_a_large_cmyk_jpeg_keeps_its_real_size() -> None:
    decoded = read(encoded(Image.new("CMYK", (4001, 1001)), "JPEG"))
    assert (decoded.width, decoded.height, decoded.rgb.shape) == (4001, 1001, (128, 512, 3))


def test_a_16_bit_png_keeps_its_tones() -> None:
    deep = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    rgb = read(encoded(Image.fromarray(deep), "PNG")).rgb
    assert rgb[0, 0, 0] == 0
    assert rgb[-1, -1, 0] == 255
    assert near(rgb[32, 0], (128, 128, 128))


def test_floating_point_pixels_are_refused_with_a_reason() -> None:
    answer = decode(encoded(Image.fromarray(np.ones((4, 4), np.float32)), "TIFF"), LIMITS)
    assert isinstance(answer, Unusable)
    assert "floating-point" in answer.detail


@pytest.mark.parametrize("form", ["PNG", "WEBP", "GIF"])
def test_transparency_is_laid_on_white(form: str) -> None:
    picture = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    picture.paste((200, 0, 0, 255), (32, 0, 64, 64))
    rgb = read(encoded(picture, form, **({"lossless": True} if form == "WEBP" else {}))).rgb
    assert near(rgb[10, 10], (255, 255, 255))
    assert near(rgb[10, 50], (200, 0, 0))


def test_a_palette_with_transparency_is_laid_on_white() -> None:
    picture = Image.new("P", (20, 20), 1)
    picture.putpalette([0, 0, 0, 10, 20, 30])
    picture.paste(0, (0, 0, 10, 20))
    rgb = read(encoded(picture, "PNG", transparency=0)).rgb
    assert near(rgb[5, 5], (255, 255, 255))
    assert near(rgb[5, 15], (10, 20, 30))


def test_of_an_animation_the_first_frame_counts() -> None:
    frames = [Image.new("RGB", (40, 40), colour) for colour in ("red", "lime", "blue")]
    for form in ("GIF", "WEBP", "PNG"):
        data = encoded(frames[0], form, save_all=True, append_images=frames[1:])
        assert near(read(data).rgb[20, 20], (255, 0, 0)), form


def test_a_camera_jpeg_with_more_pictures_behind_it_is_a_jpeg() -> None:
    for mode in ("RGB", "CMYK"):
        decoded = read(
            encoded(PICTURE.convert(mode), "MPO", save_all=True, append_images=[PICTURE.rotate(90)])
        )
        assert (decoded.format, decoded.width, decoded.height) == ("jpeg", 640, 480)
        assert hamming(pdq(luma(decoded.rgb))[0], value(encoded(PICTURE))) <= JPEG_BITS


class TestOrientation:
    @pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_the_picture_is_turned_as_its_exif_says(self, form: str, orientation: int) -> None:
        back = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[orientation]
        stored = PICTURE if back is None else PICTURE.transpose(Image.Transpose(back))
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        decoded = read(encoded(stored, form, exif=exif))
        assert (decoded.width, decoded.height) == (640, 480)
        assert hamming(pdq(luma(decoded.rgb))[0], value(encoded(PICTURE))) <= JPEG_BITS

    @pytest.mark.parametrize("orientation", [0, 9, 99999])
    def test_a_number_that_is_no_orientation_turns_nothing(self, orientation: int) -> None:
        pixels = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
        np.testing.assert_array_equal(oriented(pixels, orientation), pixels)

    def test_corrupt_exif_does_not_cost_the_picture(self) -> None:
        data = encoded(PICTURE, exif=b"Exif\x00\x00II*\x00\x08\x00\x00\x00\xff\xff" + bytes(range(200)))
        assert read(data).width == 640


class TestLimits:
    def test_more_bytes_than_allowed_are_not_looked_at(self) -> None:
        answer = decode(b"\xff" * 101, replace(LIMITS, picture_bytes=100))
        assert isinstance(answer, Unusable)
        assert answer.kind is UnusableKind.TOO_LARGE

    @pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
    def test_more_pixels_than_allowed_are_not_decoded(self, form: str) -> None:
        data = encoded(Image.new("RGB", (200, 101)), form)
        answer = decode(data, replace(LIMITS, picture_pixels=200 * 100))
        assert isinstance(answer, Unusable)
        assert answer.kind is UnusableKind.TOO_MANY_PIXELS
        assert read(data, replace(LIMITS, picture_pixels=200 * 101)).width == 200


def test_full_size_pixels_are_as_stored() -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    pixels = full_size_pixels(encoded(PICTURE, "PNG", exif=exif), LIMITS)
    assert not isinstance(pixels, Unusable)
    np.testing.assert_array_equal(pixels, np.asarray(PICTURE))


@settings(max_examples=15, deadline=None)
@given(st.integers(513, 2600), st.integers(40, 1600), st.integers(60, 95), st.integers(0, 2))
def test_scaling_while_decoding_stays_near_a_full_decode(
    width: int, height: int, quality: int, subsampling: int
) -> None:
    picture = PICTURE.resize((width, height))
    data = encoded(picture, quality=quality, subsampling=subsampling)
    whole = full_size_pixels(data, LIMITS)
    assert not isinstance(whole, Unusable)
    full = read(encoded(Image.fromarray(whole), "PNG", compress_level=0))
    fast = read(data)
    assert fast.rgb.shape == full.rgb.shape
    assert hamming(pdq(luma(fast.rgb))[0], pdq(luma(full.rgb))[0]) <= SCALING_BITS
