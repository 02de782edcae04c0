"""Thrift's compact protocol, in which Parquet writes its metadata: read into plain objects, every field as it stands, and written again.

Fields that this program does not know go through unchanged. Source: the document "Thrift compact protocol encoding" of Apache Thrift.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from byleave.errors import FormatError

Raw = bytes | memoryview
Value = TypeVar("Value")

TRUE, FALSE, I8, I16, I32, I64, DOUBLE, BINARY, LIST, SET, _MAP, STRUCT = range(1, 13)
DEEPEST: Final = 16
"""Parquet's metadata nests five deep."""
_LONG_LIST: Final = 15
_NEAR: Final = 15
_MOST_SHIFT: Final = 63
_MORE: Final = 0x80
"""The bit of a byte that says that more bytes of a number follow."""
_WHOLE: Final = frozenset((I16, I32, I64))
_SIZES: Final = {I8: 1, DOUBLE: 8}


@dataclass(slots=True)
class Struct:
    """A Thrift struct: by the number of each field its kind and its value, in the order in which they stand.

    Values are ``bool``, ``int``, ``float``, ``bytes``, :class:`Struct` or :class:`Items`.
    """

    fields: dict[int, tuple[int, Any]] = field(default_factory=dict)

    def get(self, number: int) -> Any:
        """Return the value of a field, or ``None`` where it is not there."""
        found = self.fields.get(number)
        return None if found is None else found[1]

    def number(self, number: int) -> int:
        """Return the number in a field that must be there; so do the next three with what they name, and refuse anything else."""
        return self._needed(number, int)

    def within(self, number: int) -> Struct:
        """Return the struct in a field."""
        return self._needed(number, Struct)

    def items(self, number: int) -> list[Any]:
        """Return what is listed in a field."""
        return self._needed(number, Items).values

    def structs(self, number: int) -> list[Struct]:
        """Return the structs listed in a field, none where it is not there."""
        if number not in self.fields:
            return []
        listed = self._needed(number, Items)
        if listed.values and listed.kind != STRUCT:
            raise malformed("its metadata list something else than parts")
        return listed.values

    def _needed(self, number: int, kind: type[Value]) -> Value:
        found = self.fields.get(number)
        if found is None or not isinstance(found[1], kind):
            raise malformed(f"field {number} of a part of its metadata is missing")
        return found[1]

    def set(self, number: int, kind: int, value: Any) -> None:
        """Set a field; a new one stands where its number says, so that numbers rise."""
        known = number in self.fields
        self.fields[number] = (kind, value)
        if not known:
            self.fields = dict(sorted(self.fields.items()))

    def drop(self, *numbers: int) -> None:
        """Take fields away, if they are there."""
        for number in numbers:
            self.fields.pop(number, None)


@dataclass(slots=True)
class Items:
    """A Thrift list of values of one kind."""

    kind: int
    values: list[Any]


class Reader:
    """Reads structs from bytes; :attr:`at` is the place of the next byte.

    Raises
    ------
    FormatError
        From every method, where the bytes are no such thing or end too early.
    """

    def __init__(self, data: bytes | memoryview, at: int = 0) -> None:
        self._data = data
        self.at = at

    def struct(self) -> Struct:
        """Read a struct."""
        return self._read(_struct)

    def unsigned(self) -> int:
        """Read a number of seven bits a byte, the lowest first."""
        return self._read(_unsigned)

    def _read(self, read: Callable[[Raw, int], tuple[Value, int]]) -> Value:
        try:
            value, self.at = read(self._data, self.at)
        except IndexError as error:
            raise malformed("its metadata end too early") from error
        return value


def _struct(data: Raw, at: int, depth: int = 0) -> tuple[Struct, int]:
    """Read a struct; this and the next four return where the next byte stands, and fail with ``IndexError`` behind the last one."""
    if depth > DEEPEST:
        raise malformed("its metadata nest too deep")
    fields: dict[int, tuple[int, Any]] = {}
    number = 0
    value: Any
    while head := data[at]:
        at += 1
        kind = head & 0xF
        if head > _NEAR:
            number += head >> 4
        else:
            number, at = _signed(data, at)
        if kind in _WHOLE:
            value, at = _signed(data, at)
        elif kind == STRUCT:
            value, at = _struct(data, at, depth + 1)
        elif kind in (TRUE, FALSE):
            value = kind == TRUE
        else:
            value, at = _value(data, at, kind, depth)
        fields[number] = kind, value
    return Struct(fields), at + 1


def _value(data: Raw, at: int, kind: int, depth: int) -> tuple[Any, int]:
    if kind in _WHOLE:
        return _signed(data, at)
    if kind == STRUCT:
        return _struct(data, at, depth + 1)
    if kind in (LIST, SET):
        return _items(data, at, depth + 1)
    size = _SIZES.get(kind)
    if kind == BINARY:
        size, at = _unsigned(data, at)
    if size is None:
        raise malformed(f"its metadata have a value of the kind {kind}")
    content = bytes(data[at : at + size])
    if len(content) < size:
        raise malformed("its metadata end too early")
    if kind == DOUBLE:
        return struct.unpack("<d", content)[0], at + size
    return content if kind == BINARY else int.from_bytes(content, signed=True), at + size


def _items(data: Raw, at: int, depth: int) -> tuple[Items, int]:
    head, at = data[at], at + 1
    kind, size = head & 0xF, head >> 4
    if size == _LONG_LIST:
        size, at = _unsigned(data, at)
    if size > len(data) - at:
        raise malformed("its metadata end too early")
    if kind in (TRUE, FALSE):
        return Items(kind, [byte == TRUE for byte in data[at : at + size]]), at + size
    values = []
    for _ in range(size):
        value, at = _value(data, at, kind, depth)
        values.append(value)
    return Items(kind, values), at


def _unsigned(data: Raw, at: int) -> tuple[int, int]:
    value = data[at]
    if value < _MORE:
        return value, at + 1
    value, shift = value & ~_MORE, 0
    while shift < _MOST_SHIFT:
        at, shift = at + 1, shift + 7
        byte = data[at]
        value |= (byte & ~_MORE) << shift
        if byte < _MORE:
            return value, at + 1
    raise malformed("a number in its metadata has too many bytes")


def _signed(data: Raw, at: int) -> tuple[int, int]:
    value = data[at]
    if value < _MORE:  # most are as small as that
        return (value >> 1) ^ -(value & 1), at + 1
    value, at = _unsigned(data, at)
    return (value >> 1) ^ -(value & 1), at


def written(value: Struct) -> bytes:
    """Write a struct."""
    out = bytearray()
    _write_struct(value, out)
    return bytes(out)


def _write_struct(value: Struct, out: bytearray) -> None:
    before = 0
    for number, (kind, content) in value.fields.items():
        said = (TRUE if content else FALSE) if kind in (TRUE, FALSE) else kind
        if 0 < number - before <= _NEAR:
            out.append((number - before) << 4 | said)
        else:
            out.append(said)
            _write_signed(number, out)
        before = number
        if kind in _WHOLE:
            _write_signed(content, out)
        elif kind == STRUCT:
            _write_struct(content, out)
        elif kind not in (TRUE, FALSE):
            _write_value(kind, content, out)
    out.append(0)


def _write_value(kind: int, value: Any, out: bytearray) -> None:
    if kind in _WHOLE:
        _write_signed(value, out)
    elif kind == BINARY:
        _write_unsigned(len(value), out)
        out += value
    elif kind in (LIST, SET):
        _write_items(value, out)
    elif kind == STRUCT:
        _write_struct(value, out)
    elif kind == DOUBLE:
        out += struct.pack("<d", value)
    else:
        out += value.to_bytes(1, signed=True)


def _write_items(value: Items, out: bytearray) -> None:
    size = len(value.values)
    if size < _LONG_LIST:
        out.append(size << 4 | value.kind)
    else:
        out.append(_LONG_LIST << 4 | value.kind)
        _write_unsigned(size, out)
    for item in value.values:
        if value.kind in (TRUE, FALSE):
            out.append(TRUE if item else FALSE)
        else:
            _write_value(value.kind, item, out)


def _write_unsigned(value: int, out: bytearray) -> None:
    while value >= _MORE:
        out.append(value & 0x7F | _MORE)
        value >>= 7
    out.append(value)


def unsigned_written(value: int) -> bytes:
    """Write a number of seven bits a byte, the lowest first."""
    out = bytearray()
    _write_unsigned(value, out)
    return bytes(out)


def _write_signed(value: int, out: bytearray) -> None:
    value = (value << 1) ^ (value >> 63)
    if value < _MORE:
        out.append(value)
    else:
        _write_unsigned(value, out)


def malformed(why: str) -> FormatError:
    """Return the error for a file that is not what it says; whoever reads pages names the file."""
    return FormatError(why, remedy="fetch the file again")
