"""The results as a page: the newest of each instrument, from the JSON files. `python -m benchmarks.page` writes it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.measure import ROOT
from benchmarks.targets import verdicts
from benchmarks.words import chart, figure, words

RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "reference" / "benchmarks.md"
MADE_FROM = "<!-- Written by `make bench` from `benchmarks/results`. -->\n"

Report = Mapping[str, Any]


def main() -> None:
    """Write the page anew."""
    write()


def write() -> None:
    """The page of all results that are kept."""
    PAGE.write_text(text(reports()))


def keep(report: Report, prefix: str = "") -> str:
    """Write the report beside the earlier ones, and the page anew from all of them. Returns where it is."""
    RESULTS.mkdir(exist_ok=True)
    moment = report["measured_at"][:16].replace("T", "-").replace(":", "")
    path = RESULTS / f"{prefix}{moment}-{report['machine']['commit']}.json"
    path.write_text(json.dumps(report, indent=2) + "\n")
    write()
    return str(path.relative_to(ROOT))


def reports() -> list[Report]:
    """Every kept report, the newest last."""
    found = [json.loads(path.read_text()) for path in RESULTS.glob("*.json")]
    return sorted(found, key=lambda report: str(report["measured_at"]))


def text(kept: Sequence[Report]) -> str:
    """The whole page."""
    return "".join(_page(kept))


def tables(report: Report) -> str:
    """One report for somebody who waits for it: the verdicts, then every figure."""
    return "".join([*_verdicts(report["results"]), *_results(report["results"])])


def soak_text(report: Report) -> str:
    """One soak: its verdicts, and how each figure went."""
    return "".join(_soak(report))


def _page(kept: Sequence[Report]) -> Iterator[str]:
    yield f"# Benchmarks\n\n{MADE_FROM}{_INTRODUCTION}"
    newest: dict[str, Any] = {}
    measured_in: dict[str, Report] = {}
    for report in kept:
        if report["kind"] == "benchmarks":
            newest |= report["results"]
            measured_in |= dict.fromkeys(report["results"], report)
    if not newest:
        yield "\nNothing has been measured on a quiet machine yet.\n"
    else:
        yield "\n" + "".join(f"- {_place(report)}\n" for report in _each_once(measured_in.values()))
        yield "\n## Wanted and found\n\n"
        yield from _verdicts(newest)
        yield "\n## Every figure\n\nMedian, and lowest to highest in brackets.\n"
        yield from _results(newest)
    if soaks := [report for report in kept if report["kind"] == "soak"]:
        yield f"\n## Soak\n\n{_machine(soaks[-1])}.\n\n"
        yield from _soak(soaks[-1])
    yield _EXPLAINED


def _soak(report: Report) -> Iterator[str]:
    samples = report["samples"]
    yield f"{report['minutes']:g} minutes at {report['rate']:,.0f} changes/s.\n\n"
    yield "| | wanted | found | |\n|---|---|---|---|\n"
    for verdict in report["verdicts"]:
        met = "met" if verdict["met"] else "missed"
        yield f"| {verdict['words']} | {verdict['wanted']} | {verdict['found']} | {met} |\n"
    yield "\n| | first | last | highest | from the first minute to the last |\n|---|---|---|---|---|\n"
    for key in [key for key in samples[0] if key != "minute"]:
        values = [float(sample[key]) for sample in samples]
        first, last, highest = (figure(key, value) for value in (values[0], values[-1], max(values)))
        yield f"| {words(key)} | {first} | {last} | {highest} | `{chart(values)}` |\n"


def _each_once(found: Any) -> list[Report]:
    return list({report["measured_at"]: report for report in found}.values())


def _place(report: Report) -> str:
    return f"{_machine(report)}, {report['plan']['runs']} runs each"


def _machine(report: Report) -> str:
    machine = report["machine"]
    commit = f"commit {machine['commit']}" + (" with changes" if machine["changed"] else "")
    packages = ", ".join(f"{name} {number}" for name, number in machine["packages"].items())
    return (
        f"{report['measured_at'][:10]}, {commit}: {machine['cores']} cores"
        f" ({machine['processor']}), {machine['memory'] / 2**30:.0f} GiB, {machine['system']},"
        f" Python {machine['python']}, {packages}"
    )


def _verdicts(results: Mapping[str, Any]) -> Iterator[str]:
    yield "| | wanted | found | |\n|---|---|---|---|\n"
    for target, found in verdicts(results):
        missed = target.missed_by(found)
        verdict = f"missed by {missed:.0%}" if missed else "met"
        wanted = f"{target.sense} {figure(target.value, target.wanted)}"
        yield f"| {target.words} | {wanted} | {figure(target.value, found)} | {verdict} |\n"


def _results(results: Mapping[str, Any]) -> Iterator[str]:
    for name, values in results.items():
        yield f"\n### {name[0].upper()}{name[1:]}\n\n| | |\n|---|---|\n"
        for key, value in values.items():
            yield f"| {words(key)} | {_shown(key, value)} |\n"


def _shown(key: str, value: Mapping[str, float]) -> str:
    median, lowest, highest = (figure(key, value[each]) for each in ("median", "lowest", "highest"))
    return median if lowest == highest else f"{median} ({lowest} to {highest})"


_INTRODUCTION = """
Store, pipeline, load and whoever asks share one machine. Each instrument measures its own limit in the same run.
"""

_EXPLAINED = """
## What is measured

- **Snapshot**: the demo store's tables, from an empty folder until the log begins. The limit: the server's own
  `COPY … (format binary)` to `/dev/null`, table after table, just before.
- **Drain**: half a million changes wait in the slot (20 % inserts, 60 % updates, 20 % deletes, a hundred in a
  transaction); the pipeline starts and brings them into bronze, mirror, facts and rollups. The limits: `pg_recvlogical`
  reads the same changes into `/dev/null`, and our own source decodes them for nobody.
- **Freshness**: the same mix at a steady rate. Ten orders a second beside it fall each into a minute of its own. Woken
  by each landing, a query looks for those minutes in `live.sales_by_minute`; the clock runs from the store's own time
  of commit until the query has returned; what the query itself takes is a part of it, and shown.
- **Panels**: each query of the page, one after the other on one connection to the ClickHouse endpoint, 40 a second, at
  1,000 changes/s, while somebody else has the page open. `select 1` shows what the way there and back takes.
- **Memory**: the resident memory of `till run`, read from outside. Its peaks are those of the stretch that is named.
- **Cost**: the product's own destination and live layer bring in batches of the mix, without a pump, at 1, 10 and 100
  times the store's year of history. The longer histories are made inside the warehouse: mirrors, links and facts get
  copies of the year with other ids by plain inserts (`benchmarks/growth.py`), the rollups follow by their views.
  Bronze, carts, stock and the log of states are not copied. Changes of the newest year are what a shop has; changes of
  any age are the worst case, since every order lies in a granule of its own then.
- **A batch of 100 changes**: what each of its statements takes, one at a time, a transaction of the mix after the
  other. A running pipeline runs two at once, and gathers larger batches when it is behind.
- **Soak** (`make soak`): the simulator's 27 kinds of transactions at a steady rate, `till run` with the page open, a
  look every minute. Flat means that the median of the last fifth is like that of the second fifth.
- **Stream**: a real broker with one replica on the same machine, topics of three partitions, the drain's mix written
  by our own capture; a delete is two messages. A backlog: half a million changes wait for a live warehouse. From the
  beginning: a new warehouse takes all that the topics hold, and builds its models at the end. The limits, just before:
  confluent-kafka reads the same messages and does nothing, and our own source decodes them for nobody.
- **Freshness through Kafka**: the probes of *Freshness*, with `till capture`, the broker and load as three processes.
- **Exactness**: afterwards every table, fact and rollup is compared with the store, as `till verify` does.
"""


if __name__ == "__main__":
    main()
