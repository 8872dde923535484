"""Campaigns and the discount codes that come with them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from tillstream.simulate.past.seasons import DAY, Span
from tillstream.simulate.tables import Columns, Flags, Integers, ids, moments, money

# Title, month and day it starts, days it lasts.
_CALENDAR = (
    ("New Year", 1, 2, 14),
    ("Spring Refresh", 4, 5, 12),
    ("Summer Sale", 7, 1, 24),
    ("Back to School", 8, 25, 16),
    ("Autumn Edit", 10, 4, 14),
    ("Black Friday", 11, 20, 11),
    ("Gift Season", 12, 5, 18),
)


@dataclass(frozen=True, slots=True)
class Promotions:
    """The rows, and the codes as arrays: value in percent or in cents, and when they hold."""

    tables: dict[str, Columns]
    is_percent: Flags
    value: Integers
    started_at: Integers
    expired_at: Integers


def make_promotions(random: np.random.Generator, span: Span) -> Promotions:
    """The campaigns that fall into the span, one that goes on now, and codes that hold all the time."""
    campaigns = _campaigns(span)
    # (campaign or 0, code, percent or 0, cents or 0, start, end)
    codes: list[tuple[int, str, int, int, int, int]] = []
    for number, (title, start, end) in enumerate(campaigns, 1):
        stem = "".join(word[:4] for word in title.upper().split()) + str(number)
        percent, cents = int(random.integers(2, 7)) * 5, int(random.integers(2, 7)) * 500
        codes.append((number, f"{stem}P{percent}", percent, 0, start, end))
        codes.append((number, f"{stem}A{cents // 100}", 0, cents, start, end))
    always = (span.start - 30 * DAY, span.end + 3650 * DAY)
    codes.append((0, "WELCOME10", 10, 0, *always))
    codes.append((0, "THANKYOU5", 0, 500, *always))
    is_percent = np.array([code[2] > 0 for code in codes])
    value = np.array([code[2] or code[3] for code in codes], dtype=np.int64)
    starts = np.array([code[4] for code in codes], dtype=np.int64)
    ends = np.array([code[5] for code in codes], dtype=np.int64)
    discounts = {
        "id": ids(len(codes)),
        "campaign_id": [code[0] or None for code in codes],
        "kind": ["percent" if code[2] else "amount" for code in codes],
        "value": money(np.where(is_percent, value * 100, value)),
        "code": [code[1] for code in codes],
        "started_at": moments(starts),
        "expired_at": moments(ends),
    }
    tables: dict[str, Columns] = {
        "campaigns": {
            "id": ids(len(campaigns)),
            "title": [title for title, _, _ in campaigns],
            "started_at": moments(np.array([start for _, start, _ in campaigns], dtype=np.int64)),
            "expired_at": moments(np.array([end for _, _, end in campaigns], dtype=np.int64)),
        },
        "discounts": discounts,
    }
    return Promotions(tables, is_percent, value, starts, ends)


def _campaigns(span: Span) -> list[tuple[str, int, int]]:
    first, last = (datetime.fromtimestamp(moment / 1e6, UTC).year for moment in (span.start, span.end))
    found = [("Welcome Weeks", span.end - 20 * DAY, span.end + 60 * DAY)]
    for year in range(first, last + 1):
        for title, month, day, days in _CALENDAR:
            opening = datetime(year, month, day, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
            start = opening // timedelta(microseconds=1)
            if span.start <= start < span.end:
                found.append((f"{title} {year}", start, start + days * DAY))
    return sorted(found, key=lambda campaign: campaign[1])
