"""The story of a number: what it means, the rows behind it, and when it was last compared with the store."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from tillstream.errors import TillError
from tillstream.web.board import Board
from tillstream.web.live import brief
from tillstream.web.panels import Panel

# How a verification compares each layer, for people.
_HOW = {
    "mirror": "every row compared with the store's own",
    "facts": "made anew from the mirror and compared",
    "live": "added up anew from the facts and compared",
}


def story(board: Board, panel: Panel, report: Mapping[str, Any] | None) -> dict[str, Any]:
    """The panel's definition and rows, some rows behind it, and what the last `report` says of its tables.

    `checks` goes from the store to the panel: [{table, layer, how, exact, rows, different_rows}], with `exact` null
    where nobody has compared yet.
    """
    shown = board.read(panel.name)
    return {
        **panel.as_json(),
        **shown.as_json(),
        "parameters": {name: value for name, value in board.parameters.items() if "{" + name + ":" in panel.sql},
        "behind": _behind(board, panel),
        "verification": brief(report) if report else None,
        "checks": [_check(name, report) for name in panel.chain],
    }


def _behind(board: Board, panel: Panel) -> dict[str, Any]:
    started = time.perf_counter()
    rows: list[dict[str, Any]] = []
    error = ""
    try:
        rows = panel.read_behind(board.warehouse, board.parameters)
    except TillError as trouble:
        error = trouble.detail or trouble.message
    took_ms = round((time.perf_counter() - started) * 1000, 1)
    return {"sql": panel.behind, "rows": rows, "took_ms": took_ms, "error": error}


def _check(name: str, report: Mapping[str, Any] | None) -> dict[str, Any]:
    layer, _, table = name.partition(".")
    # A verification calls the mirror's tables as the store does.
    known = (name, table) if layer != "mirror" else (name, table, f"public.{table}")
    found: Mapping[str, Any] = next(
        (each for each in (report or {}).get("tables", []) if each["layer"] == layer and each["table"] in known), {}
    )
    return {
        "table": name,
        "layer": layer,
        "how": _HOW.get(layer, ""),
        "exact": found.get("exact"),
        "rows": found.get("rows"),
        "different_rows": found.get("different_rows"),
    }
