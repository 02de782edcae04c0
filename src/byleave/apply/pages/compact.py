"""Thrift's compact protocol, in which Parquet writes its metadata: read into plain objects, every field as it stands, and written again.

Fields that this program does not know go through unchanged. Source: the document "Thrift compact protocol encoding" of Apache Thrift.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from byleave.errors import FormatError

Value = TypeVar("Value")

TRUE, FALSE, I8, I16, I32, I64, DOUBLE, BINARY, LIST, SET, _MAP, STRUCT = range(1, 13)
DEEPEST: Final = 16
"""Parquet's metadata nests five deep."""
_LONG_LIST: Final = 15
_NEAR: Final = 15
_MOST_SHIFT: Final = 63
_MORE: Final = 0x80
"""The bit of a byte that says that more bytes of a number follow."""
_WHOLE: Final = (I16, I32, I64)


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
        value = self.get(number)
        if not isinstance(value, kind):
            raise malformed(f"field {number} of a part of its metadata is missing")
        return value

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

    def struct(self, depth: int = 0) -> Struct:
        """Read a struct."""
        if depth > DEEPEST:
            raise malformed("its metadata nest too deep")
        fields: dict[int, tuple[int, Any]] = {}
        data, number = self._data, 0
        while True:
            head = self._byte()
            if head == 0:
                return Struct(fields)
            kind = head & 0xF
            number = number + (head >> 4) if head >> 4 else self._signed()
            if kind in _WHOLE and self.at < len(data) and data[self.at] < _MORE:
                # Most numbers are small, and read here without two calls for each.
                small = data[self.at]
                self.at += 1
                fields[number] = kind, (small >> 1) ^ -(small & 1)
            else:
                fields[number] = kind, kind == TRUE if kind in (TRUE, FALSE) else self._value(kind, depth)

    def _value(self, kind: int, depth: int) -> Any:
        if kind in _WHOLE:
            return self._signed()
        if kind == BINARY:
            return bytes(self._bytes(self.unsigned()))
        if kind in (LIST, SET):
            return self._items(depth + 1)
        if kind == STRUCT:
            return self.struct(depth + 1)
        if kind == DOUBLE:
            return struct.unpack("<d", self._bytes(8))[0]
        if kind == I8:
            return int.from_bytes(self._bytes(1), signed=True)
        raise malformed(f"its metadata have a value of the kind {kind}")

    def _items(self, depth: int) -> Items:
        head = self._byte()
        kind, size = head & 0xF, head >> 4
        if size == _LONG_LIST:
            size = self.unsigned()
        if size > len(self._data) - self.at:
            raise malformed("its metadata end too early")
        if kind in (TRUE, FALSE):
            return Items(kind, [self._byte() == TRUE for _ in range(size)])
        return Items(kind, [self._value(kind, depth) for _ in range(size)])

    def _byte(self) -> int:
        if self.at >= len(self._data):
            raise malformed("its metadata end too early")
        self.at += 1
        return self._data[self.at - 1]

    def _bytes(self, size: int) -> bytes | memoryview:
        if size > len(self._data) - self.at:
            raise malformed("its metadata end too early")
        self.at += size
        return self._data[self.at - size : self.at]

    def unsigned(self) -> int:
        """Read a number of seven bits a byte, the lowest first."""
        value, shift = 0, 0
        while True:
            byte = self._byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
            if shift > _MOST_SHIFT:
                raise malformed("a number in its metadata has too many bytes")

    def _signed(self) -> int:
        value = self.unsigned()
        return (value >> 1) ^ -(value & 1)


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
        if kind not in (TRUE, FALSE):
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
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)


def _write_signed(value: int, out: bytearray) -> None:
    _write_unsigned((value << 1) ^ (value >> 63), out)


def malformed(why: str) -> FormatError:
    """Return the error for a file that is not what it says; :class:`byleave.apply.pages.file.PageRewriter` names the file."""
    return FormatError(why, remedy="fetch the file again")
