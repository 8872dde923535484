"""What the live layer keeps: facts and the rollups that sum them, as dbt compiled them.

They are stored in `till.models`, so that a restart needs neither dbt nor its files. Without any the
layer is not ready.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

from tillstream.destinations.clickhouse.client import Warehouse, literal

TABLE = "till.models"


@dataclass(frozen=True, slots=True)
class Fact:
    """A table of signed rows in the database `facts`. `rows` are the columns that tell its rows apart."""

    name: str
    root: str
    key: str
    rows: tuple[str, ...]
    sql: str

    @property
    def table(self) -> str:
        return f"facts.{self.name}"

    @property
    def delta(self) -> str:
        """Where a batch's changes of this fact are staged."""
        return f"till.delta_{self.name}"


@dataclass(frozen=True, slots=True)
class Rollup:
    """A table of sums over one fact, one row (after summing) for each value of its keys."""

    name: str
    database: str
    fact: str
    keys: tuple[str, ...]
    sql: str

    @property
    def table(self) -> str:
        return f"{self.database}.{self.name}"


@dataclass(frozen=True, slots=True)
class Definitions:
    """All facts and rollups of a warehouse."""

    facts: tuple[Fact, ...] = ()
    rollups: tuple[Rollup, ...] = field(default=())
    # Of the project they were built from; another when a file of it is another.
    fingerprint: str = ""

    def fact(self, name: str) -> Fact:
        """The fact of that name; KeyError if there is none."""
        for fact in self.facts:
            if fact.name == name:
                return fact
        raise KeyError(name)

    def of_roots(self, names: Iterable[str]) -> tuple[Fact, ...]:
        """The facts that hang on these roots."""
        wanted = frozenset(names)
        return tuple(fact for fact in self.facts if fact.root in wanted)


def load_definitions(warehouse: Warehouse) -> Definitions:
    """What was deployed last; nothing before the first deployment or after `forget_definitions`."""
    _make_room(warehouse)
    facts, rollups, fingerprint = [], [], ""
    for kind, text in warehouse.rows(f"select kind, definition from {TABLE} order by place"):
        model = json.loads(text)
        if kind == "fact":
            facts.append(Fact(**{**model, "rows": tuple(model["rows"])}))
        elif kind == "project":
            fingerprint = model["fingerprint"]
        else:
            rollups.append(Rollup(**{**model, "keys": tuple(model["keys"])}))
    return Definitions(tuple(facts), tuple(rollups), fingerprint)


def store_definitions(warehouse: Warehouse, definitions: Definitions) -> None:
    """Put these in place of what was deployed before, in one insert."""
    forget_definitions(warehouse)
    rows = [
        f"({place}, {literal(kind)}, {literal(model.name)}, {literal(json.dumps(asdict(model)))})"
        for place, (kind, model) in enumerate(
            [("fact", fact) for fact in definitions.facts] + [("rollup", rollup) for rollup in definitions.rollups]
        )
    ]
    if rows:
        project = literal(json.dumps({"fingerprint": definitions.fingerprint}))
        rows.append(f"({len(rows)}, 'project', '', {project})")
        warehouse.execute(f"insert into {TABLE} (place, kind, name, definition) values {', '.join(rows)}")


def forget_definitions(warehouse: Warehouse) -> None:
    """From now on nothing is deployed."""
    _make_room(warehouse)
    warehouse.execute(f"truncate table {TABLE}")


def models_mark(warehouse: Warehouse) -> str:
    """When the models were deployed: another text after every deployment, and while one is under way."""
    _make_room(warehouse)
    return str(warehouse.value(f"select toString(max(deployed_at)) from {TABLE}"))


def _make_room(warehouse: Warehouse) -> None:
    warehouse.execute("create database if not exists till")
    warehouse.execute(
        f"create table if not exists {TABLE} (place UInt32, kind LowCardinality(String), name String,"
        " definition String, deployed_at DateTime64(6, 'UTC') default now64(6)) engine = MergeTree order by place"
    )
