"""Puts the parts together: the one place that knows which implementation each setting stands for."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

import psycopg

from tillstream.destinations.clickhouse.client import Warehouse, shown
from tillstream.destinations.clickhouse.destination import ClickHouseDestination
from tillstream.destinations.clickhouse.ledger import ClickHouseLedger
from tillstream.errors import SourceUnreachable
from tillstream.flow.batcher import Batcher
from tillstream.flow.supervisor import Pipeline, Service, Supervisor
from tillstream.live.layer import LiveLayer
from tillstream.models import Endpoint, Project, deploy
from tillstream.quality.report import Report
from tillstream.quality.verify import Subject, Verifier
from tillstream.settings import FAVOURITE_PORT, LOOPBACK, NO_PROFILE, Settings
from tillstream.sources.postgres.settings import PostgresSettings
from tillstream.sources.postgres.source import PostgresSource
from tillstream.stores.profile import Profile, known_profiles, load_profile
from tillstream.watch.events import Log, log_to
from tillstream.web.app import create_app
from tillstream.web.live import Live
from tillstream.web.server import Server


@dataclass(frozen=True, slots=True)
class Assembly:
    """A pipeline and its page, put together and not yet started."""

    supervisor: Supervisor
    service: Service
    token: str
    verifier: Verifier
    live: Live
    # Forgets how far the store was read and what the mirror holds; returns the tables' names.
    begin_anew: Callable[[], list[str]]

    @property
    def pipeline(self) -> Pipeline:
        return self.supervisor.pipeline

    def start(self) -> None:
        """Serve and begin to pump."""
        self.supervisor.start(self.service, self.token)

    def verify(self, *, repair: bool = False) -> Report:
        """Compare every layer, and let the page show what came of it."""
        report = self.verifier.verify(repair=repair)
        self.live.verified(report.as_json())
        return report


def assemble(settings: Settings, url: str, log: Log | None = None) -> Assembly:
    """Everything a folder's settings ask for, reading from the store at `url`. Opens the warehouse."""
    profile = profile_of(settings)
    warehouse = Warehouse(settings.warehouse_url)
    source = open_source(settings, url, profile)
    destination = ClickHouseDestination(warehouse, profile.linking_columns(), source.name)
    ledger = ClickHouseLedger(warehouse)
    layer = LiveLayer(warehouse, profile)
    token = settings.page.token.reveal() if settings.page.token else secrets.token_urlsafe(24)

    def close() -> None:
        layer.close()
        destination.close()
        warehouse.close()

    def deploy_models() -> None:
        _make_room(warehouse, source, destination)
        if not profile.views:
            return
        _deploy(project_of(settings, supervisor.url, token), layer)

    pipeline = Pipeline(
        source,
        destination,
        ledger,
        layer,
        shown(settings.warehouse_url),
        batcher=Batcher(settings.batch),
        deploy=deploy_models,
        facts_of=layer.facts_of,
        expected_rows=source.expected_rows,
        close=close,
    )
    supervisor = Supervisor(settings.folder, pipeline, log or log_to(form=settings.log.format))
    verifier = Verifier(
        url,
        warehouse,
        supervisor.pump,
        lambda: Subject(source.tables(), layer.definitions.facts, layer.definitions.rollups),
    )

    def begin_anew() -> list[str]:
        # The position last: until it is forgotten, a crash leaves this to be asked for again.
        names = _empty(source, destination, layer)
        ledger.forget(source.name)
        return names

    live = _live(settings, warehouse, supervisor)

    def verify(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        return assembly.verify(repair=bool(arguments.get("repair"))).as_json()

    def check(_arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"findings": [asdict(finding) for finding in source.check()]}

    public = settings.page.host not in LOOPBACK
    app = create_app(warehouse, token, live, {"verify": verify, "check": check}, public=public)
    service = Server(app, settings.page.host, _port(settings))
    assembly = Assembly(supervisor, service, token, verifier, live, begin_anew)
    return assembly


def _make_room(warehouse: Warehouse, source: PostgresSource, destination: ClickHouseDestination) -> None:
    """A table without rows has none to make it known by, and models and people ask for it all the same."""
    known = {name for (name,) in warehouse.rows("select name from system.tables where database = 'mirror'")}
    for table in source.tables():
        if table.warehouse_name not in known:
            destination.ensure(table)


def _live(settings: Settings, warehouse: Warehouse, supervisor: Supervisor) -> Live:
    live = Live(
        warehouse,
        lambda: supervisor.status().as_json(),
        currency=settings.store.currency,
        time_zone=settings.store.time_zone,
        tally=supervisor.tally,
    )
    live.events = supervisor.events
    supervisor.listeners.append(live.landed)
    return live


def _empty(source: PostgresSource, destination: ClickHouseDestination, layer: LiveLayer) -> list[str]:
    tables = source.tables()
    layer.forget()
    for table in tables:
        destination.renew(table)
    return [table.full_name for table in tables]


def profile_of(settings: Settings) -> Profile:
    """What is known of the store; nothing but its tables when the profile is "none"."""
    if settings.store.profile == NO_PROFILE:
        return Profile(NO_PROFILE, schema="public", views="", tables=())
    name = settings.store.profile
    return load_profile(str(settings.folder / name) if name.endswith(".toml") else name)


def project_of(settings: Settings, page: str, token: str) -> Project:
    """The folder's dbt project; an embedded warehouse answers it at `page`, which lets the token write."""
    endpoint = _endpoint(settings, page, token)
    return Project(settings.folder / "dbt", endpoint, profile_of(settings).views, settings.models_folder)


def recognised(names: Collection[str]) -> str:
    """The profile of a store that has tables of these names; "none" when none fits."""
    for name in known_profiles():
        if set(load_profile(name).tables) <= set(names):
            return name
    return NO_PROFILE


def open_source(settings: Settings, url: str, profile: Profile | None = None) -> PostgresSource:
    """The source the settings name."""
    profile = profile or profile_of(settings)
    excluded = [f"{profile.schema}.{column}" for column in sorted(profile.excluded)]
    return PostgresSource(
        PostgresSettings(
            url=url,
            slot=settings.source.slot,
            publication=settings.source.publication,
            tables=settings.source.tables,
            exclude=(*settings.source.exclude, *excluded),
            insert_only=settings.source.insert_only,
            limits=settings.batch,
        )
    )


def log_end(url: str) -> int:
    """How far the store's log has been written."""
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            row = connection.execute("select pg_current_wal_lsn() - '0/0'::pg_lsn").fetchone()
    except psycopg.OperationalError as error:
        raise SourceUnreachable("no connection to the store", detail=str(error).strip()) from error
    assert row is not None
    return int(row[0])


def _endpoint(settings: Settings, page: str, token: str) -> Endpoint:
    if settings.warehouse_url.startswith("chdb:"):
        return Endpoint(page, "till", token)
    parts = urlsplit(settings.warehouse_url)
    scheme = "https" if parts.scheme == "clickhouses" else "http"
    host = f"{scheme}://{parts.hostname or 'localhost'}:{parts.port or (8443 if scheme == 'https' else 8123)}"
    return Endpoint(host, parts.username or "default", parts.password or "")


def _deploy(project: Project, layer: LiveLayer) -> None:
    """Let dbt build the models, unless the very same ones are there."""
    mark = project.folder / "deployed"
    wanted = project.fingerprint()
    if layer.ready and mark.is_file() and mark.read_text() == wanted:
        return
    mark.unlink(missing_ok=True)
    deploy(project, layer)
    mark.write_text(wanted)


def _port(settings: Settings) -> int:
    if settings.page.port:
        return settings.page.port
    with socket.socket() as probe:
        try:
            probe.bind((settings.page.host, FAVOURITE_PORT))
        except OSError:
            return 0
    return FAVOURITE_PORT
