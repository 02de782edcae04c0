"""Whatever a stranger's file holds, reading it gives an answer: never a traceback, never a grey picture that passes for one."""

from __future__ import annotations

import struct
import time
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin
from tests.unit.media.pictures import encoded, photo

from byleave.media import Picture, Unusable, UnusableKind, claimed_picture, describe
from byleave.media.fingerprint_report import fingerprint_report
from byleave.settings import Limits

LIMITS = Limits()
SMALL = replace(LIMITS, picture_pixels=1_000_000)
PICTURE = photo(2, (300, 200))
FORMS = ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"]
FILES = {form: encoded(PICTURE, form) for form in FORMS}
FILES["progressive JPEG"] = encoded(PICTURE, progressive=True)
FILES["animated WEBP"] = encoded(PICTURE, "WEBP", save_all=True, append_images=[PICTURE.rotate(90)])


def kind(data: bytes, limits: Limits = LIMITS) -> UnusableKind | None:
    answer = describe(data, limits=limits, thumbnail_px=None)
    return answer.kind if isinstance(answer, Unusable) else None


def png_chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_of_size(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + png_chunk(b"IDAT", zlib.compress(b""))
        + png_chunk(b"IEND", b"")
    )


class TestNoPicture:
    @pytest.mark.parametrize(
        ("data", "expected"),
        [
            (b"", UnusableKind.EMPTY),
            (b"\x00", UnusableKind.NOT_A_PICTURE),
            (bytes(5000), UnusableKind.NOT_A_PICTURE),
            (b"Dear Sir, this is the picture you asked for.", UnusableKind.NOT_A_PICTURE),
            (b"<html><body>404</body></html>", UnusableKind.NOT_A_PICTURE),
            (b"PK\x03\x04" + bytes(100), UnusableKind.NOT_A_PICTURE),
            (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", UnusableKind.NOT_A_PICTURE),
            (
                b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
                UnusableKind.SVG,
            ),
            (b"\xff\xd8\xff", UnusableKind.TRUNCATED),
            (b"\x89PNG\r\n\x1a\n", UnusableKind.TRUNCATED),
            (b"GIF89a", UnusableKind.TRUNCATED),
        ],
    )
    def test_is_named_for_what_it_is(self, data: bytes, expected: UnusableKind) -> None:
        assert kind(data) is expected
        claimed = claimed_picture(data, limits=LIMITS)
        assert isinstance(claimed, Unusable)
        assert claimed.kind is expected

    def test_a_format_that_is_not_on_the_list_is_not_tried(self) -> None:
        assert kind(encoded(PICTURE, "PPM")) is UnusableKind.NOT_A_PICTURE
        assert kind(encoded(PICTURE, "ICO")) is UnusableKind.NOT_A_PICTURE


class TestTruncated:
    @pytest.mark.parametrize("share", [0.2, 0.5, 0.8, 0.95])
    @pytest.mark.parametrize("name", FILES)
    def test_a_file_cut_short_is_no_picture(self, name: str, share: float) -> None:
        data = FILES[name]
        cut = kind(data[: int(len(data) * share)])
        if name == "animated WEBP":
            assert cut in {UnusableKind.TRUNCATED, None}, "the first frame may be whole"
        elif name == "TIFF" or name == "AVIF":
            assert cut in {UnusableKind.TRUNCATED, UnusableKind.DAMAGED, UnusableKind.NOT_A_PICTURE}
        else:
            assert cut is UnusableKind.TRUNCATED

    def test_a_jpeg_with_its_end_cut_off_and_an_end_marker_put_on_is_not_taken_for_whole(self) -> None:
        for data in (FILES["JPEG"], FILES["progressive JPEG"]):
            assert kind(data[: len(data) // 2] + b"\xff\xd9") in {
                UnusableKind.TRUNCATED,
                UnusableKind.DAMAGED,
            }


class TestBombs:
    @pytest.mark.parametrize("side", [10_001, 60_000, 2**31 - 1])
    def test_a_png_that_claims_to_be_huge_takes_no_memory(self, side: int) -> None:
        assert kind(png_of_size(side, side)) in {UnusableKind.TOO_MANY_PIXELS, UnusableKind.DAMAGED}

    def test_a_webp_that_claims_a_huge_canvas_takes_no_memory(self) -> None:
        canvas = b"VP8X" + struct.pack("<I", 10) + bytes([0x12, 0, 0, 0]) + b"\xff\xff\xff" * 2
        data = b"RIFF" + struct.pack("<I", 4 + len(canvas)) + b"WEBP" + canvas
        assert kind(data) is UnusableKind.TOO_MANY_PIXELS

    @pytest.mark.parametrize("form", FORMS)
    def test_a_flat_picture_larger_than_allowed_is_refused_by_its_header(self, form: str) -> None:
        assert kind(encoded(Image.new("RGB", (1001, 1000)), form), SMALL) is UnusableKind.TOO_MANY_PIXELS

    def test_a_gif_with_many_frames_costs_no_more_than_its_first(self) -> None:
        frames = [Image.new("P", (120, 120), number % 256) for number in range(300)]
        data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], optimize=False)
        started = time.process_time()
        assert kind(data) is None
        assert time.process_time() - started < 2

    def test_text_that_unpacks_to_gigabytes_is_not_unpacked(self) -> None:
        packed = zlib.compressobj(9)
        bomb = b"".join(packed.compress(bytes(1 << 20)) for _ in range(64)) + packed.flush()
        text = png_chunk(b"iTXt", b"XML:com.adobe.xmp\x00\x01\x00\x00\x00" + bomb)
        plain = FILES["PNG"]
        started = time.process_time()
        answer = describe(plain[:33] + text + plain[33:], limits=LIMITS)
        assert time.process_time() - started < 5
        assert isinstance(answer, Unusable) or answer.creator is None

    def test_entities_that_multiply_are_not_expanded(self) -> None:
        laughs = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
        packet = (
            f'<!DOCTYPE x [<!ENTITY a0 "ha">{laughs}]><x:xmpmeta xmlns:x="adobe:ns:meta/">&a9;</x:xmpmeta>'
        )
        info = PngImagePlugin.PngInfo()
        info.add_itxt("XML:com.adobe.xmp", packet)
        answer = describe(encoded(PICTURE, "PNG", pnginfo=info), limits=LIMITS)
        assert isinstance(answer, Picture)
        assert answer.creator is None


class TestArbitraryBytes:
    @settings(max_examples=60, deadline=None)
    @given(st.binary(max_size=300))
    def test_random_bytes_get_an_answer(self, data: bytes) -> None:
        assert isinstance(describe(data, limits=SMALL), Unusable)

    @settings(max_examples=60, deadline=None)
    @given(
        st.sampled_from(
            [b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"II*\x00", b"MM\x00*"]
        ),
        st.binary(max_size=200),
    )
    def test_random_bytes_behind_a_real_beginning_get_an_answer(self, start: bytes, rest: bytes) -> None:
        assert isinstance(describe(start + rest, limits=SMALL), Unusable | Picture)

    @settings(max_examples=150, deadline=None)
    @given(st.sampled_from(sorted(FILES)), st.data())
    def test_changed_bytes_in_a_real_file_get_an_answer(self, name: str, draw: st.DataObject) -> None:
        data = bytearray(FILES[name])
        for _ in range(draw.draw(st.integers(1, 8))):
            data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
        answer = describe(bytes(data), limits=SMALL)
        assert isinstance(answer, Unusable | Picture)
        if isinstance(answer, Picture):
            assert answer.width * answer.height <= SMALL.picture_pixels
            assert max(answer.rgb.shape[:2]) <= 512

    @settings(max_examples=40, deadline=None)
    @given(st.binary(max_size=120))
    def test_random_exif_does_not_cost_the_picture(self, exif: bytes) -> None:
        assert isinstance(describe(encoded(PICTURE, exif=b"Exif\x00\x00" + exif), limits=LIMITS), Picture)


@pytest.mark.parametrize(
    "data", [b"", b"text", FILES["JPEG"][:900]], ids=["nothing", "text", "half a picture"]
)
def test_the_report_names_the_reason(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "holiday.jpg"
    file.write_bytes(data)
    report = fingerprint_report(file, LIMITS)
    assert sorted(report) == ["detail", "error", "file"]
    assert report["error"] in set(UnusableKind)


def test_the_report_names_a_file_that_cannot_be_opened(tmp_path: Path) -> None:
    assert fingerprint_report(tmp_path / "absent.jpg", LIMITS)["error"] == "unreadable_file"
    assert fingerprint_report(tmp_path, LIMITS)["error"] == "unreadable_file"
