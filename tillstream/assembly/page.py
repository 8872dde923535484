"""The page, its numbers and its endpoint, for whatever runs behind them."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any

from starlette.applications import Starlette

from tillstream.destinations.clickhouse.client import Warehouse
from tillstream.flow.supervisor import Supervisor
from tillstream.settings import FAVOURITE_PORT, LOOPBACK, Settings
from tillstream.web.api import Action
from tillstream.web.app import create_app
from tillstream.web.live import Live
from tillstream.web.server import Server


def token_of(settings: Settings) -> str:
    """What clients must know who want to write, or who come from other machines."""
    return settings.page.token.reveal() if settings.page.token else secrets.token_urlsafe(24)


def live_of(settings: Settings, warehouse: Warehouse, supervisor: Supervisor | None = None) -> Live:
    """The state of the page; with a supervisor it follows what lands."""
    status: Callable[[], Mapping[str, Any]] = dict if supervisor is None else lambda: supervisor.status().as_json()
    live = Live(
        warehouse,
        status,
        currency=settings.store.currency,
        time_zone=settings.store.time_zone,
        tally=supervisor.tally if supervisor else None,
    )
    if supervisor is not None:
        live.events = supervisor.events
        supervisor.listeners.append(live.landed)
    return live


def app_of(
    settings: Settings, live: Live, warehouse: Warehouse, token: str, actions: Mapping[str, Action]
) -> Starlette:
    """Everything that one port serves."""
    return create_app(warehouse, token, live, actions, public=settings.page.host not in LOOPBACK)


def server_of(settings: Settings, app: Starlette) -> Server:
    """What serves it, at the address of the settings."""
    return Server(app, settings.page.host, settings.page.port, favourite=FAVOURITE_PORT)
