"""`till query`: SQL on the warehouse, whether a process has it open or not."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tillstream.commands.client import Client
from tillstream.commands.output import Output, grid
from tillstream.config import environment, load
from tillstream.errors import WarehouseError
from tillstream.flow.folder import Role, hold, running

TABLE = "TabSeparatedWithNamesAndTypes"
PIPE = "TabSeparatedWithNames"
JSON = "JSONEachRow"
_ESCAPES = {"t": "\t", "n": "\n", "r": "\r", "0": "\0", "b": "\b", "f": "\f", "a": "\a", "v": "\v"}
_NUMBERS = ("Int", "UInt", "Float", "Decimal", "Nullable(Int", "Nullable(UInt", "Nullable(Float", "Nullable(Decimal")


@dataclass(frozen=True, slots=True)
class Question:
    """A statement, how its result should look, and whether it may change anything."""

    sql: str
    form: str = ""
    may_write: bool = False


def query(folder: Path, question: Question, output: Output) -> int:
    """Print the result: a table on a terminal, tab-separated text elsewhere, or the wished format."""
    drawn = not (question.form or output.as_json or not output.is_terminal)
    form = TABLE if drawn else question.form or (JSON if output.as_json else PIPE)
    data = _answer(folder, question, form)
    if drawn:
        _draw(data.decode(errors="replace"), output)
    else:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    return 0


def _answer(folder: Path, question: Question, form: str) -> bytes:
    # 2: nothing may be changed but settings, which clients need to set.
    settings = {} if question.may_write else {"readonly": 2}
    # Who only serves has the warehouse open, and whoever loads brings its changes through it.
    process = running(folder, Role.SERVE) or running(folder)
    if process is not None:
        return Client(process).query(question.sql, form, settings)
    from tillstream.destinations.clickhouse.client import Warehouse

    url = load(folder, environment()).warehouse_url
    require_warehouse(url)
    with hold(folder):
        warehouse = Warehouse(url)
        try:
            return warehouse.raw(question.sql, form, settings)
        finally:
            warehouse.close()


def require_warehouse(url: str) -> None:
    """Raise WarehouseError when the embedded warehouse was never made."""
    if url.startswith("chdb:") and not Path(urlsplit(url).path).exists():
        raise WarehouseError(
            f'there is no warehouse at "{urlsplit(url).path}"',
            hint="`till demo` or `till run` makes one; `--dir` says where to look.",
        )


def _draw(data: str, output: Output) -> None:
    lines = data.split("\n")
    if len(lines) < 3:
        return
    names, types = lines[0].split("\t"), lines[1].split("\t")
    rows = [[_cell(cell) for cell in line.split("\t")] for line in lines[2:] if line or len(names) == 1][
        : len(lines) - 3
    ]
    right = [number for number, kind in enumerate(types) if kind.startswith(_NUMBERS)]
    output.show(grid([_cell(name) for name in names], rows, right))
    output.say(f"{len(rows):,} row{'' if len(rows) == 1 else 's'}", "dim")


def _cell(text: str) -> str:
    if text == "\\N":
        return "null"
    parts = text.split("\\\\")
    return "\\".join(_unescaped(part) for part in parts)


def _unescaped(text: str) -> str:
    head, *rest = text.split("\\")
    return head + "".join(_ESCAPES.get(part[:1], part[:1]) + part[1:] for part in rest)
