"""The page's JSON: status, panels, and what other commands may ask the running process to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from tillstream.errors import TillError, without_values
from tillstream.web.credentials import has_token
from tillstream.web.live import Live, brief
from tillstream.web.metrics import render
from tillstream.web.operations import Operations
from tillstream.web.story import story

Action = Callable[[Mapping[str, Any]], Mapping[str, Any]]

LARGEST_ACTION = 1 << 20


async def healthz(request: Request) -> Response:
    """200 when what is read here is live; 503, and the reasons, when not: for whoever sends readers here."""
    ready, reasons, phase = await anyio.to_thread.run_sync(_operations(request).health)
    return JSONResponse({"ready": ready, "phase": phase, "reasons": reasons}, 200 if ready else 503)


async def livez(request: Request) -> Response:
    """200 while the pipeline works or mends itself; 503 when it has failed: for whoever starts it anew."""
    _, reasons, phase = await anyio.to_thread.run_sync(_operations(request).health)
    alive = phase != "failed"
    return JSONResponse({"alive": alive, "phase": phase, "reasons": reasons}, 200 if alive else 503)


async def operations(request: Request) -> Response:
    """Everything an operator asks; `operations.py` says what is in it. `?history=0` leaves the past out."""
    wanted = request.query_params.get("history") != "0"
    return JSONResponse(
        await anyio.to_thread.run_sync(lambda: _operations(request).as_json(with_history=wanted)),
        headers={"Cache-Control": "no-store"},
    )


async def status(request: Request) -> Response:
    """Everything `till status` shows."""
    return JSONResponse(await anyio.to_thread.run_sync(_live(request).status))


async def metrics(request: Request) -> Response:
    """The same numbers for Prometheus."""
    found = _operations(request)
    text = await anyio.to_thread.run_sync(lambda: render(found.as_json(with_history=False), found.live.tally))
    return PlainTextResponse(text, media_type="text/plain; version=0.0.4; charset=utf-8")


async def all_panels(request: Request) -> Response:
    """The definition of every panel."""
    return JSONResponse([panel.as_json() for panel in _live(request).board.panels.values()])


async def one_panel(request: Request) -> Response:
    """One panel: its definition, its rows as they are now, and what the last verification said."""
    live = _live(request)
    name = request.path_params["name"]
    panel = live.board.panels.get(name)
    if panel is None:
        known = ", ".join(live.board.panels)
        return _error(404, f'no panel is named "{name[:100]}"', hint=f"There are: {known}.")
    shown = await anyio.to_thread.run_sync(live.board.read, name)
    verification = live.last_verification()
    content = {**panel.as_json(), **shown.as_json(), "verification": brief(verification) if verification else None}
    return JSONResponse(content)


async def panel_story(request: Request) -> Response:
    """All there is to say about one panel; `story.py` says what is in it."""
    live = _live(request)
    panel = live.board.panels.get(request.path_params["name"])
    if panel is None:
        return _error(404, "no panel has that name", hint=f"There are: {', '.join(live.board.panels)}.")
    content = await anyio.to_thread.run_sync(lambda: story(live.board, panel, live.last_verification()))
    return JSONResponse(content, headers={"Cache-Control": "no-store"})


async def act(request: Request) -> Response:
    """Run an action of the process. Needs the token; JSON in, JSON out."""
    if not has_token(request, request.app.state.token):
        return _error(401, "this needs the token", hint="It is in till.json, in the pipeline's folder.")
    action: Action | None = request.app.state.actions.get(request.path_params["name"])
    if action is None:
        known = ", ".join(request.app.state.actions) or "none"
        return _error(404, f'no action is named "{request.path_params["name"][:100]}"', hint=f"There are: {known}.")
    try:
        arguments = await _arguments(request)
    except ValueError as error:
        return _error(400, "the body is not a JSON object", detail=str(error))
    try:
        return JSONResponse(dict(await anyio.to_thread.run_sync(action, arguments)))
    except TillError as error:
        return _error(409, error.message, detail=error.detail, hint=error.hint)
    except Exception as error:  # whoever asked is told, and may tell us
        said = without_values(str(error))[:300]
        return _error(500, f"unexpected {type(error).__name__}", detail=said, hint="Please report this.")


ROUTES = [
    Route("/healthz", healthz),
    Route("/livez", livez),
    Route("/metrics", metrics),
    Route("/api/operations", operations),
    Route("/api/status", status),
    Route("/api/panels", all_panels),
    Route("/api/panels/{name}", one_panel),
    Route("/api/panels/{name}/story", panel_story),
    Route("/api/actions/{name}", act, methods=["POST"]),
]


async def _arguments(request: Request) -> Mapping[str, Any]:
    length = request.headers.get("content-length", "")
    if not length.isdecimal() or int(length) > LARGEST_ACTION:
        raise ValueError("Its length must be given and below 1 MiB.")
    if length == "0":
        return {}
    content = await request.json()
    if not isinstance(content, dict):
        raise ValueError("It is something else.")
    return content


def _live(request: Request) -> Live:
    live: Live = request.app.state.live
    return live


def _operations(request: Request) -> Operations:
    found: Operations = request.app.state.operations
    return found


def _error(status_code: int, message: str, *, detail: str = "", hint: str = "") -> Response:
    return JSONResponse({"error": {"message": message, "detail": detail, "hint": hint}}, status_code)
