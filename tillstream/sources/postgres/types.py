"""PostgreSQL's types in the words all sources share."""

from __future__ import annotations

from dataclasses import dataclass

from tillstream.change import ColumnType

OTHER = ColumnType("other")
_NUMERIC_HEADER = 4

_KINDS = {
    "bool": "bool",
    "int2": "int16",
    "int4": "int32",
    "int8": "int64",
    "oid": "int64",
    "float4": "float32",
    "float8": "float64",
    "text": "text",
    "varchar": "text",
    "bpchar": "text",
    "name": "text",
    "char": "text",
    "citext": "text",
    "xml": "text",
    "uuid": "uuid",
    "json": "json",
    "jsonb": "json",
    "bytea": "bytes",
    "date": "date",
    "time": "time",
    "timestamp": "timestamp",
    "timestamptz": "timestamptz",
}
# Arrays by their catalog entry, but printed without braces.
_NO_ARRAYS = ("int2vector", "oidvector")


@dataclass(frozen=True, slots=True)
class CatalogType:
    """A row of pg_type: `kind` is b(ase), c(omposite), d(omain), e(num), r(ange) or m(ultirange)."""

    name: str
    kind: str
    base: int
    base_modifier: int
    element: int
    is_array: bool


Catalog = dict[int, CatalogType]


def column_type(catalog: Catalog, identifier: int, modifier: int) -> ColumnType:
    """The shared word for a type; `other` for what no other word fits."""
    type = catalog.get(identifier)
    while type is not None and type.kind == "d":
        modifier = type.base_modifier if modifier == -1 else modifier
        type = catalog.get(type.base)
    if type is None:
        return OTHER
    if type.kind == "e":
        return ColumnType("enum")
    if type.name == "numeric":
        return decimal(modifier)
    if type.is_array and type.name not in _NO_ARRAYS:
        return ColumnType("array", element=column_type(catalog, type.element, modifier))
    kind = _KINDS.get(type.name)
    return ColumnType(kind) if kind else OTHER


def decimal(modifier: int) -> ColumnType:
    """numeric(p, s); without a modifier both are unbounded."""
    if modifier < _NUMERIC_HEADER:
        return ColumnType("decimal")
    packed = modifier - _NUMERIC_HEADER
    # The scale is a signed number of 11 bits: numeric(5, -2) rounds to hundreds.
    scale = ((packed & 0x7FF) ^ 0x400) - 0x400
    return ColumnType("decimal", packed >> 16 & 0xFFFF, scale)
