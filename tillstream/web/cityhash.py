"""CityHash128 as of its version 1.0.2, the checksum in ClickHouse's compressed blocks.

Later versions of the hash differ. Written for blocks of some hundred kilobytes: about 10 MB a second.
"""

from __future__ import annotations

import struct

_MASK = (1 << 64) - 1
_K0 = 0xC3A5C85C97CB3127
_K1 = 0xB492B66FBE98F273
_K2 = 0x9AE16A3B2F90404F
_K3 = 0xC949D7C7509E6557
_KMUL = 0x9DDFEA08EB382D69

_WORD = struct.Struct("<Q")
_HALF = struct.Struct("<I")
_ROUND = struct.Struct("<8Q")

Pair = tuple[int, int]


def cityhash128(data: bytes) -> bytes:
    """The sixteen bytes of the hash, low word first."""
    size = len(data)
    if size >= 16:
        low, high = _seeded(data[16:], (_word(data, 0) ^ _K3, _word(data, 8)))
    elif size >= 8:
        low, high = _seeded(b"", (_word(data, 0) ^ (size * _K0 & _MASK), _word(data, size - 8) ^ _K1))
    else:
        low, high = _seeded(data, (_K0, _K1))
    return _WORD.pack(low) + _WORD.pack(high)


def _seeded(data: bytes, seed: Pair) -> Pair:
    size = len(data)
    if size < 128:
        return _short(data, seed)
    x, y = seed
    z = size * _K1 & _MASK
    v0 = (_rotated(y ^ _K1, 49) * _K1 + _word(data, 0)) & _MASK
    v1 = (_rotated(v0, 42) * _K1 + _word(data, 8)) & _MASK
    w0 = (_rotated((y + z) & _MASK, 35) * _K1 + x) & _MASK
    w1 = _rotated((x + _word(data, 88)) & _MASK, 53) * _K1 & _MASK
    rounds = size // 128 * 2
    for words in _ROUND.iter_unpack(data[: rounds * 64]):
        x = _rotated((x + y + v0 + words[2]) & _MASK, 37) * _K1 & _MASK ^ w1
        y = _rotated((y + v1 + words[6]) & _MASK, 42) * _K1 & _MASK ^ v0
        z = _rotated(z ^ w0, 33)
        v0, v1 = _weak(words[:4], v1 * _K1 & _MASK, (x + w0) & _MASK)
        w0, w1 = _weak(words[4:], (z + w1) & _MASK, y)
        z, x = x, z
    y = (y + _rotated(w0, 37) * _K0 + z) & _MASK
    x = (x + _rotated((v0 + z) & _MASK, 49) * _K0) & _MASK
    done = 0
    while done < size - rounds * 64:
        done += 32
        place = size - done
        y = (_rotated((y - x) & _MASK, 42) * _K0 + v1) & _MASK
        w0 = (w0 + _word(data, place + 16)) & _MASK
        x = (_rotated(x, 49) * _K0 + w0) & _MASK
        w0 = (w0 + v0) & _MASK
        v0, v1 = _weak(struct.unpack_from("<4Q", data, place), v0, v1)
    x = _mixed(x, v0)
    y = _mixed(y, w0)
    return (_mixed((x + v1) & _MASK, w1) + y) & _MASK, _mixed((x + w1) & _MASK, (y + v1) & _MASK)


def _short(data: bytes, seed: Pair) -> Pair:
    size = len(data)
    a, b = seed
    if size <= 16:
        a = _folded(a * _K1 & _MASK) * _K1 & _MASK
        c = (b * _K1 + _tiny(data)) & _MASK
        d = _folded((a + (_word(data, 0) if size >= 8 else c)) & _MASK)
    else:
        c = _mixed((_word(data, size - 8) + _K1) & _MASK, a)
        d = _mixed((b + size) & _MASK, (c + _word(data, size - 16)) & _MASK)
        a = (a + d) & _MASK
        for place in range(0, size - 16, 16):
            a = (a ^ _folded(_word(data, place) * _K1 & _MASK) * _K1 & _MASK) * _K1 & _MASK
            b ^= a
            c = (c ^ _folded(_word(data, place + 8) * _K1 & _MASK) * _K1 & _MASK) * _K1 & _MASK
            d ^= c
    a = _mixed(a, c)
    b = _mixed(d, b)
    return a ^ b, _mixed(b, a)


def _tiny(data: bytes) -> int:
    size = len(data)
    if size > 8:
        last = _word(data, size - 8)
        return _mixed(_word(data, 0), _rotated((last + size) & _MASK, size)) ^ last
    if size >= 4:
        first, last = _HALF.unpack_from(data, 0)[0], _HALF.unpack_from(data, size - 4)[0]
        return _mixed((size + (first << 3)) & _MASK, last)
    if size:
        y = data[0] + (data[size >> 1] << 8)
        z = size + (data[size - 1] << 2)
        return _folded(y * _K2 & _MASK ^ z * _K3 & _MASK) * _K2 & _MASK
    return _K2


def _weak(words: tuple[int, ...], a: int, b: int) -> Pair:
    w, x, y, z = words
    a = (a + w) & _MASK
    b = _rotated((b + a + z) & _MASK, 21)
    c = a
    a = (a + x + y) & _MASK
    b = (b + _rotated(a, 44)) & _MASK
    return (a + z) & _MASK, (b + c) & _MASK


def _mixed(low: int, high: int) -> int:
    a = _folded((low ^ high) * _KMUL & _MASK)
    b = _folded((high ^ a) * _KMUL & _MASK)
    return b * _KMUL & _MASK


def _folded(value: int) -> int:
    return value ^ value >> 47


def _rotated(value: int, places: int) -> int:
    return (value >> places | value << (64 - places)) & _MASK


def _word(data: bytes, place: int) -> int:
    word: int = _WORD.unpack_from(data, place)[0]
    return word
