"""The application: the page, its events and numbers, and the ClickHouse endpoint, on one port."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from tillstream.destinations.clickhouse.client import Warehouse
from tillstream.web.endpoint import Endpoint
from tillstream.web.hosts import KnownHosts

Action = Callable[[Mapping[str, Any]], Mapping[str, Any]]


def create_app(warehouse: Warehouse, token: str, *, actions: Mapping[str, Action] | None = None) -> Starlette:
    """Everything that one port serves. `actions` are what other commands may ask the running process to do."""
    endpoint = Endpoint(str(warehouse.folder), token) if warehouse.folder is not None else None

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        app.state.endpoint = endpoint
        app.state.actions = dict(actions or {})
        yield
        if endpoint is not None:
            endpoint.close()

    return Starlette(
        routes=[
            Route("/", root, methods=["GET", "POST"]),
            Route("/ping", ping),
            Route("/replicas_status", ping),
        ],
        middleware=[Middleware(KnownHosts)],
        lifespan=lifespan,
    )


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
    return PlainTextResponse("Ok.\n")
