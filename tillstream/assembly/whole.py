"""A pipeline and its page, put together: from the store straight to the warehouse."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tillstream.assembly.inside import open_inside
from tillstream.assembly.page import app_of, live_of, port_of, token_of
from tillstream.assembly.store import open_source
from tillstream.destinations.clickhouse.client import shown
from tillstream.flow.batcher import Batcher
from tillstream.flow.pipeline import Pipeline, Service
from tillstream.flow.supervisor import Supervisor
from tillstream.quality.report import Report
from tillstream.quality.verify import Subject, Verifier
from tillstream.settings import Settings
from tillstream.watch.events import Log, log_to
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

    def stop(self, *, quick: bool = False) -> None:
        """End in order."""
        self.supervisor.stop(quick=quick)

    def raise_failure(self) -> None:
        """Raise what ended a pump, if something did."""
        self.supervisor.raise_failure()

    def verify(self, *, repair: bool = False) -> Report:
        """Compare every layer, and let the page show what came of it."""
        report = self.verifier.verify(repair=repair)
        self.live.verified(report.as_json())
        return report


def assemble(settings: Settings, url: str, log: Log | None = None) -> Assembly:
    """Everything a folder's settings ask for, reading from the store at `url`. Opens the warehouse."""
    source = open_source(settings, url)
    inside = open_inside(settings, source.name)
    token = token_of(settings)
    pipeline = Pipeline(
        source,
        inside.destination,
        inside.ledger,
        inside.layer,
        shown(inside.url),
        batcher=Batcher(settings.batch),
        deploy=lambda: inside.deploy(settings, source, supervisor.url, token),
        facts_of=inside.layer.facts_of,
        expected_rows=source.expected_rows,
        close=inside.close,
    )
    supervisor = Supervisor(settings.folder, pipeline, log or log_to(form=settings.log.format))
    layer = inside.layer
    verifier = Verifier(
        url,
        inside.warehouse,
        supervisor.pump,
        lambda: Subject(source.tables(), layer.definitions.facts, layer.definitions.rollups),
    )

    def begin_anew() -> list[str]:
        # The position last: until it is forgotten, a crash leaves this to be asked for again.
        names = inside.empty(source)
        inside.ledger.forget(source.name)
        return names

    live = live_of(settings, inside.warehouse, supervisor)

    def verify(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        return assembly.verify(repair=bool(arguments.get("repair"))).as_json()

    def check(_arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"findings": [asdict(finding) for finding in source.check()]}

    app = app_of(settings, live, inside.warehouse, token, {"verify": verify, "check": check})
    service = Server(app, settings.page.host, port_of(settings))
    assembly = Assembly(supervisor, service, token, verifier, live, begin_anew)
    return assembly
