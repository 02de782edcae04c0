"""Match codes by the second implementation, in the browser: of the same pixels they are the kernel's, of the same files nearly."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Page
from tests.unit.media.pictures import FRAMES, VECTORS, encoded, photo
from tests.website import painting

from byleave.fingerprints import ClaimedPicture, hamming
from byleave.media import claimed_picture, describe
from byleave.media.picture import Picture, Unusable
from byleave.settings import Limits

pytestmark = pytest.mark.browser

ALLOWED_BITS = 2
"""Between the kernel and the browser, of the same pixels: sums of floats in another order may move a coefficient across the median."""

DECODER_BUDGET = 8
"""Between our decoders and the browser's, of the same file, for the whole picture; 31 make two works one."""

LIMITS = Limits()

HAND_OVER = """() => {
  const input = document.createElement("input");
  Object.assign(input, { type: "file", multiple: true, id: "handed-over" });
  document.body.append(input);
}"""

OF_PIXELS = """
async (folder) => {
  const { claimedPicture } = await import(`${folder}/pdq.js`);
  const { onWhite, workingCopy } = await import(`${folder}/pdq_scale.js`);
  const codes = {};
  for (const file of document.querySelector("#handed-over").files) {
    const [width, height, name] = file.name.split("~");
    const data = new Uint8ClampedArray(await file.arrayBuffer());
    codes[name] = claimedPicture(workingCopy(onWhite({ data, width: Number(width), height: Number(height) })));
  }
  return codes;
}
"""

OF_FILES = """
async ([folder, limits]) => {
  const { Pool } = await import(`${folder}/picture_pool.js`);
  const items = [...document.querySelector("#handed-over").files].map((file) => ({ file }));
  const pool = new Pool(`${folder}/picture_worker.js`, limits, "code");
  const answers = {};
  await pool.run(items, async ({ file }, answer) => { answers[file.name] = answer; }, new AbortController().signal);
  await pool.close();
  return answers;
}
"""


def modules(page: Page) -> str:
    """Go to a page with the modules and return the folder they stand in."""
    page.goto("/choices/start")
    script = page.locator('script[src$="/pictures_in.js"]').get_attribute("src")
    assert script
    return script.rpartition("/")[0]


def hand_over(page: Page, files: Mapping[str, bytes], folder: Path) -> str:
    """Give files to an input that the page itself does not listen to; return the folder of the modules."""
    found = modules(page)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    page.evaluate(HAND_OVER)
    page.locator("#handed-over").set_input_files([folder / name for name in files])
    return found


def of_pixels(page: Page, pictures: Mapping[str, Image.Image], folder: Path) -> dict[str, ClaimedPicture]:
    raw = {
        f"{picture.width}~{picture.height}~{name}": picture.convert("RGBA").tobytes()
        for name, picture in pictures.items()
    }
    codes = page.evaluate(OF_PIXELS, hand_over(page, raw, folder))
    return {name: ClaimedPicture.parse(code) for name, code in codes.items()}


def of_files(
    page: Page, files: Mapping[str, bytes], folder: Path, **limits: int
) -> dict[str, dict[str, Any]]:
    within = {"bytes": LIMITS.picture_bytes, "pixels": LIMITS.picture_pixels, "copyBytes": 0} | limits
    answers: dict[str, dict[str, Any]] = page.evaluate(OF_FILES, [hand_over(page, files, folder), within])
    return answers


def of_kernel(data: bytes) -> ClaimedPicture:
    claimed = claimed_picture(data, limits=LIMITS)
    assert isinstance(claimed, ClaimedPicture)
    return claimed


def without_loss(picture: Image.Image) -> bytes:
    """Write down the very pixels, in the form that is quickest to write."""
    return encoded(picture, "PNG" if picture.mode == "RGBA" else "BMP")


def unlike(ours: ClaimedPicture, theirs: ClaimedPicture) -> str | None:
    """Say in which way two codes of the same pixels differ by more than is allowed."""
    if len(ours.variants) != len(theirs.variants):
        return f"{len(ours.variants)} and {len(theirs.variants)} variants"
    bits = max(hamming(*pair) for pair in zip(ours.variants, theirs.variants, strict=True))
    if bits > ALLOWED_BITS or abs(ours.quality - theirs.quality) > 1:
        return f"{bits} bits, quality {ours.quality} and {theirs.quality}"
    return None


def drawn() -> Image.Image:
    """A symmetric drawing: half of its frequencies are nearly nothing."""
    picture = Image.new("RGB", (600, 600), "white")
    ImageDraw.Draw(picture).ellipse((100, 100, 500, 500), fill="red")
    return picture


def transparent() -> Image.Image:
    picture = photo(4, (800, 600))
    picture.putalpha(photo(5, (800, 600)).convert("L"))
    return picture


def generated() -> dict[str, Image.Image]:
    """Paint pictures of every shape and kind that the two implementations treat in their own ways."""
    return {
        **{f"photo {seed}": photo(seed, (700, 560)) for seed in range(4)},
        **{f"painting {seed}": painting(seed) for seed in range(4)},
        **{name: frame(photo(3, (700, 500))) for name, frame in FRAMES.items()},
        **{
            f"{width} x {height}": photo(9, (width, height))
            for width, height in (
                (3, 200),
                (63, 64),
                (65, 64),
                (511, 512),
                (513, 512),
                (2000, 100),
                (37, 1500),
            )
        },
        "drawing": drawn(),
        "transparent": transparent(),
        "checks": Image.fromarray((np.indices((480, 480)).sum(0) // 60 % 2 * 255).astype(np.uint8)),
    }


def test_the_same_pixels_have_the_kernels_code(page: Page, tmp_path: Path) -> None:
    pictures = generated()
    found = of_pixels(page, pictures, tmp_path)
    for name, picture in pictures.items():
        ours = of_kernel(without_loss(picture))
        assert unlike(ours, found[name]) is None, name


@pytest.mark.skipif(not VECTORS.is_dir(), reason=f"the published PDQ pictures are not at {VECTORS}")
def test_the_published_pictures_have_the_kernels_code(page: Page, tmp_path: Path) -> None:
    pictures = {}
    for path in sorted(VECTORS.rglob("*.jpg")):
        with Image.open(path) as opened:
            pictures[path.name] = opened.convert("RGB")
    assert len(pictures) == 27
    found = of_pixels(page, pictures, tmp_path)
    for name, picture in pictures.items():
        assert unlike(of_kernel(without_loss(picture)), found[name]) is None, name


@pytest.mark.skipif(not VECTORS.is_dir(), reason=f"the published PDQ pictures are not at {VECTORS}")
def test_the_published_files_stay_within_the_budget_of_decoders(page: Page, tmp_path: Path) -> None:
    files = {path.name: path.read_bytes() for path in sorted(VECTORS.rglob("*.jpg"))}
    assert over_budget(files, of_files(page, files, tmp_path)) == {}


def test_every_format_stays_within_the_budget_of_decoders(page: Page, tmp_path: Path) -> None:
    picture = photo(7).resize((1100, 800))
    see_through = picture.copy()
    see_through.putalpha(
        photo(8).resize((1100, 800)).convert("L").point(lambda value: 255 if value > 120 else 0)
    )
    files = {
        "usual.jpg": encoded(picture),
        "grey.jpg": encoded(picture.convert("L")),
        "cmyk.jpg": encoded(picture.convert("CMYK")),
        "progressive.jpg": encoded(picture, progressive=True),
        "large.jpg": encoded(photo(2).resize((2800, 2100))),
        "thin.jpg": encoded(photo(2, (3000, 420))),
        "usual.png": encoded(picture, "PNG"),
        "palette.png": encoded(picture.quantize(64), "PNG"),
        "see-through.png": encoded(see_through, "PNG"),
        "usual.webp": encoded(picture, "WEBP", quality=85),
        "see-through.webp": encoded(see_through, "WEBP", quality=85),
        "usual.gif": encoded(picture.quantize(200), "GIF"),
        "usual.bmp": encoded(picture, "BMP"),
        "usual.avif": encoded(picture, "AVIF"),
    }
    assert over_budget(files, of_files(page, files, tmp_path)) == {}


def test_a_picture_is_turned_as_its_exif_says(page: Page, tmp_path: Path) -> None:
    files = {}
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        files[f"{orientation}.jpg"] = encoded(photo(7), exif=exif)
    assert over_budget(files, of_files(page, files, tmp_path)) == {}


def test_a_colour_profile_is_left_aside_as_the_kernel_does(page: Page, tmp_path: Path) -> None:
    """A profile with its three colours in another order: applied, greens would be as dark as blues are."""
    from PIL import ImageCms

    plain = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = plain.replace(b"gXYZ", b"tXYZ", 1).replace(b"bXYZ", b"gXYZ", 1).replace(b"tXYZ", b"bXYZ", 1)
    assert swapped != plain
    files = {"profile.png": encoded(painting(5), "PNG", icc_profile=swapped)}
    ours = of_kernel(files["profile.png"])
    theirs = ClaimedPicture.parse(of_files(page, files, tmp_path)["profile.png"]["code"])
    assert unlike(ours, theirs) is None


def over_budget(files: Mapping[str, bytes], answers: Mapping[str, Mapping[str, Any]]) -> dict[str, object]:
    """Compare what a dataset stores of each whole picture with the browser's code of it."""
    over: dict[str, object] = {}
    for name, data in files.items():
        seen = describe(data, limits=LIMITS, thumbnail_px=None)
        assert isinstance(seen, Picture)
        if "code" not in answers[name]:
            over[name] = answers[name]
            continue
        theirs = ClaimedPicture.parse(answers[name]["code"])
        bits = hamming(seen.fingerprint.plain, theirs.variants[0])
        if bits > DECODER_BUDGET and not theirs.is_flat:
            over[name] = bits
        assert answers[name]["digest"] == seen.digest.hex()
    return over


def test_what_is_no_picture_is_told_apart_from_what_cannot_be_read(page: Page, tmp_path: Path) -> None:
    whole = encoded(photo(1))
    answers = of_files(
        page,
        {
            "notes.txt": b"nothing to see",
            "fake.png": b"nothing to see",
            "empty.jpg": b"",
            "cut.jpg": whole[:200],
            "drawing.svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            "scan.tiff": encoded(photo(1, (64, 64)), "TIFF"),
            "flat.png": encoded(Image.new("RGB", (300, 200), "white"), "PNG"),
            "large.jpg": whole,
        },
        tmp_path,
        bytes=len(whole) - 1,
    )
    assert answers["notes.txt"] == {"other": True}
    assert answers["flat.png"]["flat"] is True
    faults = {name: answer["fault"] for name, answer in answers.items() if "fault" in answer}
    assert faults == {
        "fake.png": "it is not a picture, whatever its name says",
        "empty.jpg": "it is empty",
        "cut.jpg": "this browser cannot read it as a picture (jpeg)",
        "drawing.svg": "it is a drawing program (SVG), not pixels",
        "scan.tiff": "this browser cannot read it as a picture (tiff)",
        "large.jpg": "it has 1 MB, at most 1 are read",
    }


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "AVIF"])
def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(
    page: Page, tmp_path: Path, form: str
) -> None:
    picture = photo(1, (400, 300)).quantize(64) if form == "GIF" else photo(1, (400, 300))
    answers = of_files(page, {"large": encoded(picture, form)}, tmp_path, pixels=400 * 300 - 1)
    assert "million pixels" in answers["large"]["fault"]
    told = claimed_picture(encoded(picture, form), limits=Limits(picture_pixels=400 * 300 - 1))
    assert isinstance(told, Unusable)


def test_a_canvas_that_hides_its_pixels_is_noticed(page: Page) -> None:
    folder = modules(page)
    check = "async (folder) => (await import(`${folder}/picture_decode.js`)).canReadPixels()"
    assert page.evaluate(check, folder) is True
    page.evaluate(
        """() => {
          const kind = OffscreenCanvasRenderingContext2D.prototype;
          const real = kind.getImageData;
          kind.getImageData = function (...of) {
            const found = real.apply(this, of);
            found.data.forEach((value, at) => { found.data[at] = at % 4 === 3 ? 255 : 255 - value; });
            return found;
          };
        }"""
    )
    assert page.evaluate(check, folder) is False
