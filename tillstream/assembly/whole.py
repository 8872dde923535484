"""A folder's pumps and their page, put together: straight to the warehouse, or through a stream."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tillstream.assembly.capture import open_capture
from tillstream.assembly.inside import Inside, open_inside
from tillstream.assembly.page import app_of, live_of, server_of, token_of
from tillstream.assembly.store import open_source
from tillstream.assembly.stream import (
    Meeting,
    agree_on_lanes,
    await_capture,
    both_anew,
    engine_beside,
    followed_by,
    load_anew,
    open_topics,
    stream_name,
)
from tillstream.destinations.clickhouse.client import IN_MEMORY, Warehouse, shown
from tillstream.destinations.clickhouse.workbench import Workbench
from tillstream.errors import ConfigError
from tillstream.flow.batcher import Batcher
from tillstream.flow.folder import Role
from tillstream.flow.pipeline import Pipeline, Service
from tillstream.flow.supervisor import Supervisor
from tillstream.ports import Source
from tillstream.quality.report import Report
from tillstream.quality.verify import Subject, Verifier
from tillstream.settings import Settings
from tillstream.sources.postgres.source import PostgresSource
from tillstream.watch.events import Log, log_to
from tillstream.web.api import Action
from tillstream.web.live import Live
from tillstream.web.server import Server


@dataclass(frozen=True, slots=True)
class Assembly:
    """What runs in this process, not yet started: one supervisor that the page speaks of, and its parts."""

    supervisor: Supervisor
    service: Service
    token: str
    live: Live
    verifier: Verifier | None = None
    # Forgets how far the store was read and what the mirror holds; returns the tables' names.
    begin_anew: Callable[[], list[str]] = list

    @property
    def pipeline(self) -> Pipeline:
        return self.supervisor.pipeline

    def start(self) -> None:
        """Serve and begin to pump."""
        self.supervisor.start(self.service, self.token)
        for part in self.supervisor.parts.values():
            part.start()

    def stop(self, *, quick: bool = False) -> None:
        """End in order: first what brings the changes."""
        for part in self.supervisor.parts.values():
            part.stop(quick=quick)
        self.supervisor.stop(quick=quick)

    def verify(self, *, repair: bool = False) -> Report:
        """Compare every layer, and let the page show what came of it."""
        if self.verifier is None:
            raise ConfigError(
                "there is no store to compare with",
                detail="This process knows topics only; the comparison reads the store itself.",
                hint="Set `url` in [source] of till.toml where `till load` runs.",
            )
        report = self.verifier.verify(repair=repair)
        self.live.verified(report.as_json())
        return report


def assemble(settings: Settings, url: str, log: Log | None = None) -> Assembly:
    """Everything a folder's settings ask for, reading from the store at `url`. Opens the warehouse."""
    if settings.stream.url is not None:
        return assemble_load(settings, url, log, with_capture=settings.source.kind != "kafka")
    source = open_source(settings, url)
    inside = open_inside(settings, source.name)
    put = _put(settings, source, inside, log, expected_rows=source.expected_rows)

    def begin_anew() -> list[str]:
        # The position last: until it is forgotten, a crash leaves this to be asked for again.
        names = inside.empty(source)
        inside.ledger.forget(source.name)
        return names

    return _assembly(settings, put, [source], _verifier(url, source, put), begin_anew)


def assemble_load(
    settings: Settings, url: str, log: Log | None = None, *, with_capture: bool = False, warehouse: str = ""
) -> Assembly:
    """The stream into a warehouse, and on request the store into the stream. Without a `url` nothing is compared."""
    inside = open_inside(settings, stream_name(settings), warehouse)
    engine = engine_beside(inside.warehouse)
    topics = open_topics(settings, engine)
    if not url:
        put = _put(settings, topics, inside, log, ready=lambda _stop: agree_on_lanes(settings, inside.ledger))
        return _assembly(settings, put, [topics], None, lambda: load_anew(settings, inside, topics))
    store = open_source(settings, url)

    def ready(stop: threading.Event) -> None:
        agree_on_lanes(settings, inside.ledger)
        await_capture(settings, store.name, inside.ledger, stop)

    meeting = Meeting(url, settings.source.slot, followed_by(settings), store.name)
    put = _put(
        settings,
        topics,
        inside,
        log,
        ready=ready,
        landed_before=meeting.landed_before,
    )
    put.supervisor.pump.advance_before = meeting.advance(put.supervisor.pump)
    if with_capture:
        put.supervisor.parts["capture"] = open_capture(settings, url, engine, put.log, None)
    # The store is for whoever captures to look at.
    sources = [*(part.pipeline.source for part in put.supervisor.parts.values()), topics]
    return _assembly(
        settings, put, sources, _verifier(url, store, put), lambda: both_anew(settings, inside, topics, store)
    )


def assemble_capture(settings: Settings, url: str, log: Log | None = None, *, port: int = 0) -> Assembly:
    """The store into the stream, and a page for operators."""
    warehouse = Warehouse(IN_MEMORY)
    log = log or log_to(form=settings.log.format)
    supervisor = open_capture(settings, url, Workbench(warehouse), log, Role.CAPTURE)
    token = token_of(settings)
    live = live_of(settings, warehouse, supervisor)
    app = app_of(settings, live, warehouse, token, {"check": _checks([supervisor.pipeline.source])})
    return Assembly(supervisor, Server(app, settings.page.host, port), token, live)


@dataclass(frozen=True, slots=True)
class _Put:
    """A pump into a warehouse, put together."""

    inside: Inside
    supervisor: Supervisor
    token: str
    log: Log


def _put(settings: Settings, source: Source, inside: Inside, log: Log | None, **more: Any) -> _Put:
    token = token_of(settings)
    log = log or log_to(form=settings.log.format)
    pipeline = Pipeline(
        source,
        inside.destination,
        inside.ledger,
        inside.layer,
        shown(inside.url),
        batcher=Batcher(settings.batch),
        deploy=lambda: inside.deploy(settings, source, supervisor.url, token),
        facts_of=inside.layer.facts_of,
        close=inside.close,
        **more,
    )
    supervisor = Supervisor(settings.folder, pipeline, log)
    return _Put(inside, supervisor, token, log)


def _verifier(url: str, store: PostgresSource, put: _Put) -> Verifier:
    definitions = put.inside.layer
    return Verifier(
        url,
        put.inside.warehouse,
        put.supervisor.pump,
        lambda: Subject(store.tables(), definitions.definitions.facts, definitions.definitions.rollups),
    )


def _assembly(
    settings: Settings,
    put: _Put,
    sources: Sequence[Source],
    verifier: Verifier | None,
    begin_anew: Callable[[], list[str]],
) -> Assembly:
    warehouse = put.inside.warehouse
    live = live_of(settings, warehouse, put.supervisor)

    def verify(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        return assembly.verify(repair=bool(arguments.get("repair"))).as_json()

    actions = {"verify": verify, "check": _checks(sources)}
    app = app_of(settings, live, warehouse, put.token, actions)
    service = server_of(settings, app)
    assembly = Assembly(put.supervisor, service, put.token, live, verifier, begin_anew)
    return assembly


def _checks(sources: Sequence[Source]) -> Action:
    def check(_arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"findings": [asdict(finding) for source in sources for finding in source.check()]}

    return check
