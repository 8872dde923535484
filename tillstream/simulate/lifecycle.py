"""What can become of an order: the one table that history and live activity both obey."""

from __future__ import annotations

from typing import Literal

Status = Literal["placed", "paid", "payment_failed", "cancelled", "shipped", "delivered", "returned", "refunded"]

NEXT: dict[Status, tuple[Status, ...]] = {
    "placed": ("paid", "payment_failed", "cancelled"),
    "payment_failed": ("paid", "cancelled"),
    "paid": ("shipped", "cancelled"),
    "shipped": ("delivered",),
    "delivered": ("returned", "refunded"),
    "returned": ("refunded",),
    "cancelled": (),
    "refunded": (),
}


def may_follow(now: Status, following: Status) -> bool:
    """Whether an order may go from one status straight to the other."""
    return following in NEXT[now]
