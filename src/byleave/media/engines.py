"""Run one ONNX network, with OpenVINO where it works and ONNX Runtime elsewhere, and let neither call home.

Both ship telemetry that is on by default: OpenVINO's in a package of its own, ONNX Runtime's inside its library, with an identifier
written to the user's home. Both are switched off here, before either is loaded; nothing else of ours imports them.
"""

from __future__ import annotations

import os
import sys
import threading
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from byleave.errors import MissingExtraError

Floats = NDArray[np.float32]


class Engine(Protocol):
    """A loaded network: one batch in, the asked tensors out."""

    def run(self, batch: Floats) -> tuple[Floats, Floats]:
        """Run one batch: the inner tensor and the output. Safe to call from several threads; calls wait for one another."""
        ...


class OpenVINOEngine:
    """The network under OpenVINO, which computes in bfloat16 where the processor can.

    Measured on the published PDQ pictures against 32-bit arithmetic: vectors agree to a cosine of .999, cosines between
    pictures move by less than .005, the safety score by less than .006, in half the time or less.
    """

    def __init__(self, path: Path, inner: str, output: str, threads: int) -> None:
        openvino = _import_openvino()
        core = openvino.Core()
        model = core.read_model(str(path))
        model.add_outputs([inner])
        properties = {"INFERENCE_NUM_THREADS": threads} if threads else {}
        self._outputs = (inner, output)
        self._compiled = core.compile_model(model, "CPU", properties)
        self._request = self._compiled.create_infer_request()
        self._lock = threading.Lock()

    def run(self, batch: Floats) -> tuple[Floats, Floats]:
        with self._lock:
            answer = self._request.infer([batch])
            inner, output = (np.array(answer[name], dtype=np.float32) for name in self._outputs)
        return inner, output


class ONNXRuntimeEngine:
    """The network under ONNX Runtime."""

    def __init__(self, path: Path, inner: str, output: str, threads: int) -> None:
        onnxruntime = _import_onnxruntime()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        network = path.read_bytes() + _as_output(inner)
        self._outputs = [inner, output]
        self._session = onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name

    def run(self, batch: Floats) -> tuple[Floats, Floats]:
        inner, output = self._session.run(self._outputs, {self._input: batch})
        return inner, output


def open_engine(path: Path, inner: str, output: str, threads: int = 0) -> Engine:
    """Load a network into the first engine that runs on this machine.

    Parameters
    ----------
    inner, output
        Names of the two tensors wanted: one inside the network, and the output it declares.
    threads
        How many processor threads it may use; 0 leaves that to the engine.

    Raises
    ------
    MissingExtraError
        When neither engine is installed.
    """
    try:
        return OpenVINOEngine(path, inner, output, threads)
    except (ImportError, RuntimeError):
        pass  # No wheel for this platform, or a processor it does not know: the other engine runs everywhere.
    try:
        return ONNXRuntimeEngine(path, inner, output, threads)
    except ImportError as missing:
        raise MissingExtraError(
            "picture search needs OpenVINO or ONNX Runtime", remedy="pip install 'byleave[search]'"
        ) from missing


def _import_openvino() -> Any:
    """Load OpenVINO without its telemetry package: a blocked import makes it use a stub of its own that does nothing."""
    if "openvino" not in sys.modules:
        sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # None is Python's documented way to block an import
    return import_module("openvino")


def _import_onnxruntime() -> Any:
    """Load ONNX Runtime with its telemetry off: the variable is read by its library, once, when it is loaded."""
    os.putenv("ORT_DISABLE_TELEMETRY", "1")
    onnxruntime = import_module("onnxruntime")
    onnxruntime.disable_telemetry_events()
    return onnxruntime


def _as_output(name: str) -> bytes:
    """Encode "this tensor is an output too", to be appended to an ONNX file.

    Protocol Buffers merge a message field that occurs twice, so a second graph that holds one output adds it to the first.
    """
    text = name.encode()
    value_info = bytes([0x0A, len(text)]) + text
    graph = bytes([0x62, len(value_info)]) + value_info
    return bytes([0x3A, len(graph)]) + graph
