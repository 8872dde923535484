"""What a message that can't be taken is kept as, and the words for why. The same message gives the same words."""

from __future__ import annotations

import json
from typing import Any

from tillstream.change import Refused
from tillstream.sources.kafka.inference import fits
from tillstream.sources.kafka.pieces import Refusal


def refused(refusal: Refusal) -> Refused:
    """The message as the quarantine keeps it."""
    messages, place = refusal.messages, refusal.place
    return Refused(
        origin=messages.topic,
        position=f"{messages.partitions[place]}:{messages.offsets[place]}",
        key=messages.keys[place] or b"",
        raw=messages.values[place] or b"",
        rule=refusal.rule,
        reason=refusal.reason,
    )


def what_is_wrong(payload: bytes, *, is_envelope: bool) -> tuple[str, str]:
    """Rule and reason for a message that gave no row."""
    try:
        tree = json.loads(payload.decode())
    except UnicodeDecodeError:
        return "json", "it is not UTF-8"
    except ValueError as error:
        return "json", f"it is not JSON: {error}"
    except RecursionError:
        return "json", "it is nested too deeply"
    if not isinstance(tree, dict):
        return "format", f"it is a JSON {_NAMES[type(tree)]}, not an object"
    if not is_envelope:
        return "format", "it is an object without a value"
    if "op" not in tree:
        return "envelope", "it has no op"
    if tree["op"] not in ("c", "r", "u", "d", "t"):
        return "envelope", "its op is none that is known"
    return "envelope", "its source does not say where it stands: no lsn"


def does_not_fit(payload: bytes, kinds: dict[str, str], *, is_envelope: bool) -> str | None:
    """Why a row can't be stored as older ones were; None when it can. `kinds` are the columns' to look at."""
    tree = json.loads(payload)
    row = (tree.get("after") or tree.get("before") or {}) if is_envelope else tree
    for name, kind in kinds.items():
        found = _kind(row.get(name))
        if not fits(kind, found):
            return f'column "{name}" is {kind}, and here it is {found}'
    return None


_NAMES: dict[type, str] = {
    list: "array",
    str: "string",
    int: "number",
    float: "number",
    bool: "boolean",
    type(None): "null",
}


def _kind(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "bool"
        case int():
            return "int64"
        case float():
            return "int64" if value.is_integer() else "decimal"
        case str():
            return "text"
        case _:
            return "json"
