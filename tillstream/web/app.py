"""The application: the page, its events and numbers, and the ClickHouse endpoint, on one port."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from tillstream.destinations.clickhouse.client import Warehouse
from tillstream.web import api
from tillstream.web.endpoint import Endpoint
from tillstream.web.events import events
from tillstream.web.hosts import KnownHosts
from tillstream.web.live import Live
from tillstream.web.operations import Operations
from tillstream.web.stock import Stock
from tillstream.web.timing import Timed

STATIC = Path(__file__).parent / "static"


def create_app(
    warehouse: Warehouse,
    token: str,
    live: Live | None = None,
    actions: Mapping[str, api.Action] | None = None,
    *,
    public: bool = False,
) -> Starlette:
    """Everything that one port serves.

    `live` keeps the page live and must be told of landings; without one the page shows the warehouse
    as it is. Over an engine that keeps nothing there is the operators' page alone. `actions` are what other
    commands may ask the running process to do. A `public` server answers other machines too, if they bring
    the token.
    """
    endpoint = Endpoint(warehouse, token) if warehouse.folder is not None else None
    live = live or Live(warehouse)
    stock = Stock(warehouse)
    operations = Operations(live, stock)
    live.recall = lambda: next(iter(stock.reports()), None)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        operations.start()
        yield
        operations.close()
        live.close()
        if endpoint is not None:
            endpoint.close()

    app = Starlette(
        routes=[
            Route("/", root, methods=["GET", "POST"]),
            Route("/ping", ping),
            Route("/replicas_status", ping),
            Route("/events", events),
            Route("/operations", operations_page),
            *api.ROUTES,
            Mount("/static", FreshFiles(directory=STATIC)),
        ],
        middleware=[Middleware(Timed, tally=live.tally), Middleware(KnownHosts, token=token, public=public)],
        lifespan=lifespan,
    )
    app.state.endpoint = endpoint
    app.state.home = "operations.html" if warehouse.keeps_nothing else "page.html"
    app.state.live = live
    app.state.operations = operations
    app.state.token = token
    app.state.actions = dict(actions or {})
    return app


class FreshFiles(StaticFiles):
    """Files that a browser asks about each time, so that none is left over from an older version."""

    def file_response(self, *arguments: Any, **named: Any) -> Response:
        """As always, and to be checked before it is used again."""
        response = super().file_response(*arguments, **named)
        response.headers["Cache-Control"] = "no-cache"
        return response


async def ping(_request: Request) -> Response:
    """As ClickHouse says that it is there."""
    return PlainTextResponse("Ok.\n")


async def root(request: Request) -> Response:
    """The page for a browser, the endpoint for everything that asks with SQL."""
    if request.method == "POST" or "query" in request.query_params:
        endpoint: Endpoint | None = request.app.state.endpoint
        if endpoint is None:
            return PlainTextResponse("The warehouse is a server of its own: connect to it.\n", 404)
        return await endpoint.answer(request)
    return FileResponse(STATIC / request.app.state.home, headers={"Cache-Control": "no-cache"})


async def operations_page(_request: Request) -> Response:
    """The page for those who keep the pipeline running."""
    return FileResponse(STATIC / "operations.html", headers={"Cache-Control": "no-cache"})
