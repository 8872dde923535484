"""The proof: is every layer what the one above says, at one position of the log?

    store ──checksums──► mirror ──recompute──► facts ──recompute──► rollups

Runs while data flows. What differs is named down to the column; `repair` mends it from the layer above.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg

from tillstream.change import Table
from tillstream.destinations.clickhouse.client import Warehouse
from tillstream.errors import SourceError, SourceUnreachable, without_values
from tillstream.flow.pump import Pump
from tillstream.live.definitions import Fact, Rollup
from tillstream.quality import mirrors
from tillstream.quality.derived import compare_facts, compare_rollup
from tillstream.quality.mend import rebuild_facts, rebuild_rollup
from tillstream.quality.moment import same_moment
from tillstream.quality.repair import repair_mirror
from tillstream.quality.report import Comparison, Report
from tillstream.quality.rewritten import clone_views

Progress = Callable[[str], None]


@contextmanager
def _told_as_ours() -> Iterator[None]:
    """What the store answers to a comparison's questions is the source's affair, not an accident of ours."""
    try:
        yield
    except psycopg.OperationalError as error:
        raise SourceUnreachable("the store went away while it was compared", detail=str(error).strip()) from error
    except psycopg.Error as error:
        said = without_values(error.diag.message_primary or str(error))
        raise SourceError(
            "the store could not answer a question of the comparison",
            detail=f"{said} (SQLSTATE {error.sqlstate})",
            hint="If a table was changed or dropped just now, run it again.",
        ) from error


@dataclass(frozen=True, slots=True)
class Subject:
    """What is verified: the store's tables, and the facts and rollups as deployed."""

    tables: Sequence[Table]
    facts: Sequence[Fact]
    rollups: Sequence[Rollup]


class Verifier:
    """Verifies one pipeline; one verification at a time."""

    def __init__(self, url: str, warehouse: Warehouse, pump: Pump, subject: Callable[[], Subject]) -> None:
        self._url = url
        self._warehouse = warehouse
        self._pump = pump
        self._subject = subject
        self._one_at_a_time = threading.Lock()

    def verify(self, *, repair: bool = False, tell: Progress = lambda _: None) -> Report:
        """Compare every layer; with `repair`, mend what differs and compare again.

        The result is kept in `till.verification`. Raises MomentMissed or SourceError if it can't compare.
        """
        with self._one_at_a_time, _told_as_ours():
            report = self._compare(repair, tell)
            mended = {
                (comparison.layer, comparison.table): comparison.repaired_rows for comparison in report.comparisons
            }
            if any(mended.values()):
                report = self._compare(False, tell)
                for comparison in report.comparisons:
                    comparison.repaired_rows = mended.get((comparison.layer, comparison.table), 0)
            self._keep(report)
            return report

    def _compare(self, repair: bool, tell: Progress) -> Report:
        begun = time.monotonic()
        subject = self._subject()
        broken: list[tuple[Table, list[mirrors.Texts]]] = []
        with same_moment(self._url, self._warehouse, self._pump) as moment:
            report = Report(moment.lsn, datetime.now(UTC), held_seconds=moment.held_seconds)
            for table in subject.tables:
                tell(table.full_name)
                result, keys = mirrors.compare(moment, self._warehouse, table)
                report.comparisons.append(result)
                broken.append((table, keys))
            clone_views(self._warehouse)
            report.comparisons += self._compare_derived(subject, tell)
        if repair:
            self._repair(subject, broken, report.comparisons)
        report.seconds = time.monotonic() - begun
        return report

    def _compare_derived(self, subject: Subject, tell: Progress) -> list[Comparison]:
        results = []
        for fact in subject.facts:
            tell(fact.table)
            results.append(compare_facts(self._warehouse, fact))
        for rollup in subject.rollups:
            tell(rollup.table)
            results.append(compare_rollup(self._warehouse, rollup))
        return results

    def _repair(
        self, subject: Subject, broken: Sequence[tuple[Table, list[mirrors.Texts]]], results: Sequence[Comparison]
    ) -> None:
        by_name = {comparison.table: comparison for comparison in results}
        for table, keys in broken:
            if keys and table.key:
                by_name[table.full_name].repaired_rows = repair_mirror(
                    self._url, self._warehouse, self._pump, table, keys
                )
        # A mended fact moves the rollups too, so these are looked at after the facts, all of them.
        with self._pump.gate.hold():
            for fact in subject.facts:
                by_name[fact.table].repaired_rows = rebuild_facts(self._warehouse, fact)
            for rollup in subject.rollups:
                by_name[rollup.table].repaired_rows = rebuild_rollup(self._warehouse, rollup)

    def _keep(self, report: Report) -> None:
        self._warehouse.execute("create database if not exists till")
        self._warehouse.execute(
            "create table if not exists till.verification ("
            "started_at DateTime64(6, 'UTC'), exact Bool, lsn UInt64, seconds Float64, report String"
            ") engine = MergeTree order by started_at"
        )
        self._warehouse.execute(
            "insert into till.verification values "
            "({started_at:DateTime64(6, 'UTC')}, {exact:Bool}, {lsn:UInt64}, {seconds:Float64}, {report:String})",
            {
                "started_at": report.started_at,
                "exact": report.exact,
                "lsn": report.lsn,
                "seconds": report.seconds,
                "report": json.dumps(report.as_json()),
            },
        )
