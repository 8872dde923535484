"""`till models test`: the models' own tests, through dbt, whether a process has the warehouse open or not."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tillstream.commands.output import Output
from tillstream.commands.signals import orderly
from tillstream.config import environment, load
from tillstream.errors import ConfigError, ModelTestFailed
from tillstream.flow.folder import Role, hold, running
from tillstream.models import Project
from tillstream.settings import Settings

PASSED, FAILED = 0, 1


def test(folder: Path, select: Sequence[str], output: Output) -> int:
    """0 when every chosen test passes, 1 when one fails; it is named with its message."""
    settings = load(folder, environment())
    with project(settings) as models:
        output.say("testing the models")
        try:
            count = models.test(select)
        except ModelTestFailed as error:
            output.error(error)
            output.result({"passed": False, "message": error.message, "detail": error.detail})
            return FAILED
    if not count:
        raise ConfigError(
            f'no test is chosen by "{" ".join(select)}"',
            hint="Name a model, e.g. `till models test --select sales_by_day`.",
        )
    output.say(f"{count} tests passed", "green")
    output.result({"passed": True, "tests": count})
    return PASSED


@contextmanager
def project(settings: Settings) -> Iterator[Project]:
    """The folder's dbt project, and a warehouse that answers it as long as the block."""
    from tillstream.assembly.inside import project_of
    from tillstream.assembly.store import profile_of

    if not profile_of(settings).views:
        raise ConfigError(
            f'folder "{settings.folder}" has no models',
            detail=f'Its store.profile is "{settings.store.profile}": tables are copied, and nothing is made of them.',
            hint="Set store.profile in till.toml; the guide on store profiles says what one is.",
        )
    process = running(settings.folder, Role.SERVE) or running(settings.folder)
    if process is not None:
        yield project_of(settings, process.url, process.token)
        return
    if not settings.warehouse_url.startswith("chdb:"):
        yield project_of(settings, "", "")
        return
    with orderly(), hold(settings.folder), _served(settings) as (url, token):
        yield project_of(settings, url, token)


@contextmanager
def _served(settings: Settings) -> Iterator[tuple[str, str]]:
    from tillstream.destinations.clickhouse.client import Warehouse
    from tillstream.web.app import create_app
    from tillstream.web.server import Server

    warehouse, token = Warehouse(settings.warehouse_url), secrets.token_urlsafe(24)
    server = Server(create_app(warehouse, token))
    try:
        yield server.start(), token
    finally:
        server.stop()
        warehouse.close()
