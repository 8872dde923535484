"""Options that several commands share."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from tillstream.config import DEFAULT_FOLDER
from tillstream.quantities import parse_duration


def _duration(text: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


Folder = Annotated[
    Path,
    typer.Option("--dir", help="The folder that holds till.toml and all state.", metavar="DIR"),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON; words go to standard error.")]
For = Annotated[
    timedelta | None,
    typer.Option("--for", parser=_duration, help="Stop by itself after this long, e.g. 60s.", metavar="DURATION"),
]
Rate = Annotated[float, typer.Option("--rate", min=0.0, help="Transactions a second.")]
Seed = Annotated[int, typer.Option("--seed", help="The same seed makes the same people, products and events.")]
Orders = Annotated[int, typer.Option("--orders", min=10, help="Orders in the store's year before today.")]
Customers = Annotated[int, typer.Option("--customers", min=10, help="Customers the store begins with.")]
Products = Annotated[int, typer.Option("--products", min=10, help="Products in the store's catalogue.")]
NoBrowser = Annotated[bool, typer.Option("--no-browser", help="Do not open the page.")]

DEFAULT = DEFAULT_FOLDER
