"""`python -m benchmarks.run [--quick] [--only snapshot,drain]`: measure; JSON in results, and a page in the reference.

a  snapshot   rows a second into bronze and mirror, beside the server's own COPY
b  drain      changes a second from a full slot into exact rollups, beside pg_recvlogical
c  freshness  from a commit to a query of a rollup that shows it, at several rates
d  cost       what a change costs the live step, at several sizes of the history
e  memory     idle, at load, during big transactions
f  panels     how long the page's queries take over HTTP while changes flow
g  steps      where the time of a batch goes, statement by statement
h  stream     changes a second from Kafka's topics into exact rollups, beside the client library alone
i  freshness-kafka  from a commit to a query of a rollup, with capture, a broker and load between
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import page, topics
from benchmarks.instruments import DEPLOY, INSTRUMENTS, STORE, THROUGH_KAFKA, Turn, turns
from benchmarks.measure import Values, summaries, surroundings
from benchmarks.plan import FULL, PLANS, Plan
from benchmarks.site import Site

WIDTH = 30


def main() -> None:
    """Measure and print; what was measured in full is kept, too."""
    plan, chosen = asked(sys.argv[1:])
    chosen = possible(chosen)
    with (
        tempfile.TemporaryDirectory(prefix="till-bench-") as folder,
        Site(Path(folder) / "site", plan.orders, frugal=plan.frugal) as site,
    ):
        report = run(plan, chosen, site)
    print(page.tables(report))
    if plan is FULL:
        print(f"kept in {page.keep(report)}")


def asked(arguments: Sequence[str]) -> tuple[Plan, list[str]]:
    """The plan and the instruments that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description="Measure tillstream.")
    parser.add_argument("--quick", action="store_true", help="a short look, which is not kept")
    parser.add_argument("--plan", choices=list(PLANS), default="full", help="how much is measured")
    parser.add_argument("--only", default=",".join(INSTRUMENTS), help=f"some of {', '.join(INSTRUMENTS)}")
    found = parser.parse_args(arguments)
    chosen = [name.strip() for name in found.only.split(",") if name.strip()]
    for name in chosen:
        if name not in INSTRUMENTS:
            parser.error(f'no instrument is named "{name}"; there are {", ".join(INSTRUMENTS)}')
    return PLANS["quick" if found.quick else found.plan], chosen


def possible(chosen: Sequence[str]) -> list[str]:
    """Those that can be run here; of others it is said why not."""
    reason = topics.lacking() if set(chosen) & set(THROUGH_KAFKA) else ""
    if reason:
        say(f"{reason}\n· left out: {', '.join(name for name in chosen if name in THROUGH_KAFKA)}")
    return [name for name in chosen if not (reason and name in THROUGH_KAFKA)]


def run(plan: Plan, chosen: Sequence[str], site: Site) -> dict[str, Any]:
    """The report of these instruments, one after the other."""
    begun = time.monotonic()
    found: dict[str, list[Values]] = {}
    machine = surroundings()
    todo = turns(plan, chosen)
    for place, turn in enumerate(todo):
        tell(todo, place, begun)
        for name, values in turn.measure(site).items():
            found.setdefault(name, []).extend(values)
    say(f"done in {time.monotonic() - begun:,.0f} s")
    return {
        "kind": "benchmarks",
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "plan": asdict(plan),
        "seconds": round(time.monotonic() - begun),
        "machine": machine,
        "results": {
            name: {key: asdict(value) for key, value in summaries(runs).items()} for name, runs in found.items()
        },
    }


def tell(todo: Sequence[Turn], place: int, begun: float) -> None:
    """Say what comes, how far it is, and about how long the rest takes."""
    name = todo[place].name
    of_name = [index for index, turn in enumerate(todo) if turn.name == name]
    left = sum(turn.seconds for turn in todo[place:]) + (0 if place else STORE + DEPLOY)
    done = round(WIDTH * place / len(todo))
    bar = "█" * done + "░" * (WIDTH - done)
    number = f" {of_name.index(place) + 1} of {len(of_name)}" if len(of_name) > 1 else ""
    say(f"{bar} {time.monotonic() - begun:4.0f} s  {name}{number}; about {max(left / 60, 0.5):.1f} min to go")


def say(line: str) -> None:
    """Tell the person who waits."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
