"""The alerts of the guide have the limits that the warnings have, and speak of metrics that are there."""

from __future__ import annotations

import re

from tests.style.tree import read
from tillstream.watch import thresholds
from tillstream.web.metrics import METRICS

GUIDE = read("docs/guides/operate.md")


def test_an_alert_comes_when_the_warning_comes() -> None:
    used = 1 - thresholds.MOST_LOG_USED
    for expected in (
        f"till_lag_seconds > {thresholds.MOST_LAG_SECONDS:.0f}",
        f"till_disk_free_bytes < {thresholds.LEAST_FREE_BYTES >> 30} * 1024^3",
        f"till_slot_retained_bytes > {thresholds.MOST_LOG_BYTES >> 30} * 1024^3",
        f"till_slot_budget_bytes < {used:g} * till_slot_limit_bytes",
    ):
        assert f"expr: {expected}\n" in GUIDE


def test_every_alert_is_about_a_metric_that_is_there() -> None:
    named = set(re.findall(r"\btill_\w+", GUIDE))
    assert named - set(METRICS) == set()
