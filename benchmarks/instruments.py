"""The instruments by name: which turns each takes, and about how long."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.measure import Values, measured
from benchmarks.plan import Plan
from benchmarks.site import Site
from benchmarks.store import CHANGES_A_STEP

# What a turn found: per heading of the report, the values of one or more runs.
Found = Mapping[str, Sequence[Values]]

# Seconds for a store, and for a live pipeline on it, per 100,000 orders.
STORE, DEPLOY = 15, 25


@dataclass(frozen=True, slots=True)
class Turn:
    """One run of an instrument. `seconds` is about how long it takes on two cores."""

    name: str
    seconds: float
    measure: Callable[[Site], Found]


def snapshot(plan: Plan) -> list[Turn]:
    """Rows a second into bronze and mirror."""

    def measure(site: Site) -> Found:
        with site.empty() as folder:
            return {"snapshot": [measured("snapshot", site.url, folder)]}

    return [Turn("snapshot", 5 + 10 * plan.orders / 100_000, measure)] * plan.runs


def drain(plan: Plan) -> list[Turn]:
    """Changes a second from a full slot into exact rollups."""

    def measure(site: Site) -> Found:
        live = site.live
        return {"drain": [measured("drain", site.url, live, site.steps(plan.drain_steps), plan.drain_steps)]}

    return [Turn("drain", 8 + plan.drain_steps / 150, measure)] * plan.runs


def freshness(plan: Plan) -> list[Turn]:
    """From a commit to a query that shows it, at several rates."""

    def turn(rate: int) -> Turn:
        def measure(site: Site) -> Found:
            steps = rate * (plan.seconds + 5) // 100
            arguments = (site.url, site.live, rate, plan.seconds, site.steps(steps), site.month())
            return {f"freshness at {rate:,} changes/s": [measured("freshness", *arguments)]}

        return Turn(f"freshness at {rate:,} changes/s", plan.seconds + 6, measure)

    return [turn(rate) for rate in plan.rates for _ in range(plan.runs)]


def exactness(_plan: Plan) -> list[Turn]:
    """Whether every layer is right after what was done to the store so far."""

    def measure(site: Site) -> Found:
        return {"exactness": [measured("exactness", site.url, site.live)]}

    return [Turn("exactness", 20, measure)]


def cost(plan: Plan) -> list[Turn]:
    """What a change costs, at several sizes of the history."""

    def measure(site: Site) -> Found:
        folder = site.spoil()
        found: Found = measured("cost", site.url, folder, plan.name)
        return found

    largest = plan.orders * max(plan.growth) / 1_000_000
    return [Turn("cost", STORE + DEPLOY + 120 + 30 * largest, measure)]


def memory(plan: Plan) -> list[Turn]:
    """What the pipeline's process has in memory: idle, at load, in big transactions."""

    def measure(site: Site) -> Found:
        steps = (plan.load_rate * (plan.seconds + 5) + sum(plan.transactions)) // CHANGES_A_STEP
        site.renew()
        return {"memory": [measured("memory", site.url, site.live, plan.name, site.steps(steps))]}

    return [Turn("memory", STORE + DEPLOY + plan.seconds * 1.5 + sum(plan.transactions) / 20_000, measure)]


def panels(plan: Plan) -> list[Turn]:
    """How long the page's queries take while changes flow."""

    def measure(site: Site) -> Found:
        steps = plan.load_rate * (plan.seconds * 2 + 5) // CHANGES_A_STEP
        return {"panels": [measured("panels", site.url, site.live, plan.name, site.steps(steps))]}

    return [Turn("panels", 6 + plan.seconds * 1.5, measure)] * plan.runs


def steps(plan: Plan) -> list[Turn]:
    """Where a batch's time goes."""

    def measure(site: Site) -> Found:
        arguments = (site.url, site.live, site.steps(plan.profiled), plan.profiled)
        return {"a batch of 100 changes": [measured("steps", *arguments)]}

    return [Turn("steps", 6 + plan.profiled / 4, measure)] * plan.runs


def stream(plan: Plan) -> list[Turn]:
    """Changes a second from topics into exact rollups: a backlog, and all there is into a new warehouse."""

    def waiting(site: Site) -> Found:
        folder = site.streamed
        into = measured("capture", site.url, folder, site.steps(plan.drain_steps), plan.drain_steps)
        found = measured("stream", folder, plan.drain_steps * CHANGES_A_STEP)
        return {"stream, into topics": [into], "stream, a backlog": [found]}

    def everything(site: Site) -> Found:
        if plan.frugal:
            return {"stream, from the beginning": [site.first_load]}
        with site.beside() as folder:
            return {"stream, from the beginning": [measured("stream", folder)]}

    backlog = Turn("stream, a backlog", 8 + plan.drain_steps / 120, waiting)
    return [backlog] * plan.runs + [Turn("stream, from the beginning", 45, everything)] * plan.runs


def freshness_through_kafka(plan: Plan) -> list[Turn]:
    """From a commit to a query that shows it, with capture, broker and load between."""
    heading = f"freshness through Kafka at {plan.load_rate:,} changes/s"

    def measure(site: Site) -> Found:
        folder = site.streamed
        steps = site.steps(plan.load_rate * (plan.seconds + 5) // CHANGES_A_STEP)
        return {heading: [measured("through", site.url, folder, plan.load_rate, plan.seconds, steps, site.month())]}

    return [Turn(heading, plan.seconds + 12, measure)] * plan.runs


def exactness_through_kafka(_plan: Plan) -> list[Turn]:
    """Whether every layer behind the topics is what the store says."""

    def measure(site: Site) -> Found:
        return {"exactness through Kafka": [measured("exactness", site.url, site.streamed)]}

    return [Turn("exactness through Kafka", 20, measure)]


INSTRUMENTS: Mapping[str, Callable[[Plan], list[Turn]]] = {
    "snapshot": snapshot,
    "drain": drain,
    "freshness": freshness,
    "panels": panels,
    "steps": steps,
    "memory": memory,
    "stream": stream,
    "freshness-kafka": freshness_through_kafka,
    "cost": cost,
}
# What needs a broker; afterwards what came through it is compared with the store.
THROUGH_KAFKA = ("stream", "freshness-kafka")
# After each of these blocks everything is compared with the store that was changed.
BLOCKS = (("drain", "freshness", "panels", "steps"), ("memory",))


def turns(plan: Plan, chosen: Sequence[str]) -> list[Turn]:
    """Everything that is to be done, in an order in which one instrument does not disturb the next."""
    listed: list[Turn] = []
    for name, instrument in INSTRUMENTS.items():
        if name in chosen:
            listed += instrument(plan)
        blocks = (tuple(name for block in BLOCKS for name in block),) if plan.frugal else BLOCKS
        if any(name == block[-1] and set(block) & set(chosen) for block in blocks):
            listed += exactness(plan)
        if name == THROUGH_KAFKA[-1] and set(THROUGH_KAFKA) & set(chosen):
            listed += exactness_through_kafka(plan)
    return listed
