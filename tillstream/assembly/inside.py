"""The warehouse's side: where changes arrive, and the models that follow them."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from tillstream.assembly.store import profile_of
from tillstream.destinations.clickhouse.client import Warehouse
from tillstream.destinations.clickhouse.destination import ClickHouseDestination
from tillstream.destinations.clickhouse.ledger import ClickHouseLedger
from tillstream.live.layer import LiveLayer
from tillstream.models import Endpoint, Project, deploy
from tillstream.ports import Source
from tillstream.settings import Settings
from tillstream.stores.profile import Profile


@dataclass(frozen=True, slots=True)
class Inside:
    """A warehouse, open, and what fills it."""

    url: str
    warehouse: Warehouse
    profile: Profile
    destination: ClickHouseDestination
    ledger: ClickHouseLedger
    layer: LiveLayer

    def close(self) -> None:
        """Let go of it; the warehouse last."""
        self.layer.close()
        self.destination.close()
        self.warehouse.close()

    def deploy(self, settings: Settings, source: Source, page: str, token: str) -> None:
        """Make room for tables without rows, and let dbt build the models that are not there."""
        make_room(self.warehouse, source, self.destination)
        if self.profile.views:
            _deploy(project_of(settings, page, token, self.url), self.layer)

    def empty(self, source: Source) -> list[str]:
        """Forget what the mirror holds; the names of its tables."""
        tables = source.tables()
        self.layer.forget()
        for table in tables:
            self.destination.renew(table)
        return [table.full_name for table in tables]


def make_room(warehouse: Warehouse, source: Source, destination: ClickHouseDestination) -> None:
    """A table without rows has none to make it known by, and models and people ask for it all the same."""
    known = {name for (name,) in warehouse.rows("select name from system.tables where database = 'mirror'")}
    for table in source.tables():
        if table.warehouse_name not in known:
            destination.ensure(table)


def open_inside(settings: Settings, stream: str, url: str = "") -> Inside:
    """The warehouse of the settings, or the one at `url`, for one stream of changes."""
    profile = profile_of(settings)
    url = url or settings.warehouse_url
    warehouse = Warehouse(url)
    destination = ClickHouseDestination(warehouse, profile.linking_columns(), stream)
    return Inside(url, warehouse, profile, destination, ClickHouseLedger(warehouse), LiveLayer(warehouse, profile))


def project_of(settings: Settings, page: str, token: str, warehouse_url: str = "") -> Project:
    """The folder's dbt project; an embedded warehouse answers it at `page`, which lets the token write."""
    endpoint = _endpoint(warehouse_url or settings.warehouse_url, page, token)
    return Project(settings.folder / "dbt", endpoint, profile_of(settings).views, settings.models_folder)


def _endpoint(warehouse_url: str, page: str, token: str) -> Endpoint:
    if warehouse_url.startswith("chdb:"):
        return Endpoint(page, "till", token)
    parts = urlsplit(warehouse_url)
    scheme = "https" if parts.scheme == "clickhouses" else "http"
    host = f"{scheme}://{parts.hostname or 'localhost'}:{parts.port or (8443 if scheme == 'https' else 8123)}"
    return Endpoint(host, parts.username or "default", parts.password or "")


def _deploy(project: Project, layer: LiveLayer) -> None:
    """Let dbt build the models, unless the very same ones are there."""
    if not (layer.ready and layer.definitions.fingerprint == project.fingerprint()):
        deploy(project, layer)
