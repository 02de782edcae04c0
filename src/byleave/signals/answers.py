"""The JSON objects that other services answer with."""

from __future__ import annotations

import json
from typing import Any

from byleave.errors import FormatError, as_format_error


def read_object(body: bytes) -> dict[str, Any]:
    """Read an answer that is one JSON object.

    Raises
    ------
    FormatError
        If it is none.
    """
    with as_format_error("the answer is not JSON", remedy="try later"):
        read = json.loads(body)
    if not isinstance(read, dict):
        raise FormatError("the answer is not a JSON object", remedy="try later")
    return read
