"""ClickHouse's compressed blocks, which JDBC and Go clients ask for with `compress=1` and send with `decompress=1`.

A block is 16 bytes of checksum, one byte of method, its own size from the method on, the size of what is in it,
and the data. Integers are little-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import pyarrow as pa

from tillstream.errors import BodyTooLarge
from tillstream.web.cityhash import cityhash128
from tillstream.web.wire import Refused

_CHECKSUM = 16
_HEAD = struct.Struct("<BII")
_METHODS = {0x82: "lz4_raw", 0x90: "zstd", 0x02: ""}
_LZ4 = 0x82

LARGEST_BLOCK = 1 << 20
# What other writers may put into one block.
_LARGEST_FOREIGN_BLOCK = 1 << 26


def in_blocks(data: bytes) -> Iterator[bytes]:
    """The data as LZ4 blocks; none for no data."""
    for start in range(0, len(data), LARGEST_BLOCK):
        piece = data[start : start + LARGEST_BLOCK]
        packed = pa.compress(piece, codec="lz4_raw", asbytes=True)
        body = _HEAD.pack(_LZ4, _HEAD.size + len(packed), len(piece)) + packed
        yield cityhash128(body) + body


def out_of_blocks(body: bytes, limit: int) -> bytes:
    """What is in the blocks. Raises Refused for what are none, BodyTooLarge above `limit` bytes."""
    pieces = bytearray()
    place = 0
    while place < len(body):
        if len(body) - place < _CHECKSUM + _HEAD.size:
            raise _broken("it ends in the head of a block")
        method, packed_size, size = _HEAD.unpack_from(body, place + _CHECKSUM)
        end = place + _CHECKSUM + packed_size
        if packed_size < _HEAD.size or end > len(body):
            raise _broken("it ends in a block")
        if size > _LARGEST_FOREIGN_BLOCK or len(pieces) + size > limit:
            raise BodyTooLarge(f"the request's body unpacks to more than {limit} bytes")
        if cityhash128(body[place + _CHECKSUM : end]) != body[place : place + _CHECKSUM]:
            raise _broken("a block's checksum is wrong")
        pieces += _unpacked(method, body[place + _CHECKSUM + _HEAD.size : end], size)
        place = end
    return bytes(pieces)


def _unpacked(method: int, packed: bytes, size: int) -> bytes:
    codec = _METHODS.get(method)
    if codec is None:
        raise Refused(89, f"Unknown compression method: {method:#x}; use LZ4 or ZSTD", "UNKNOWN_COMPRESSION_METHOD")
    if not codec:
        data = packed
    else:
        try:
            data = pa.decompress(packed, decompressed_size=size, codec=codec, asbytes=True)
        except (OSError, ValueError) as error:
            raise _broken(str(error)) from error
    if len(data) != size:
        raise _broken("a block does not hold what it says")
    return data


def _broken(what: str) -> Refused:
    return Refused(271, f"Cannot decompress the body: {what[:200]}", "CANNOT_DECOMPRESS")
