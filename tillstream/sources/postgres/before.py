"""Old rows as JSON objects of texts, a column at a time."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

# What JSON wants escaped.
_SPECIAL = r'[\x00-\x1f"\\]'


def as_json(names: Sequence[str], columns: Sequence[pa.Array]) -> pa.Array:
    """One object per row; null stays null, everything else is a string."""
    parts: list[pa.Array | str] = []
    for place, (name, column) in enumerate(zip(names, columns, strict=True)):
        opening = "{" if place == 0 else ", "
        parts += [f"{opening}{json.dumps(name, ensure_ascii=False)}: ", _values(column)]
    return pc.binary_join_element_wise(*parts, "}", "")


def _values(column: pa.Array) -> pa.Array:
    column = column.cast(pa.string())
    if pc.any(pc.match_substring_regex(column, _SPECIAL)).as_py():
        texts = [json.dumps(value, ensure_ascii=False) for value in column.to_pylist()]
        return pa.array(texts, pa.string())
    return pc.fill_null(pc.binary_join_element_wise('"', column, '"', ""), "null")
