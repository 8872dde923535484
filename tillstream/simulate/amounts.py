"""How money is worked out, in whole cents. Works on numbers and on numpy arrays of int64 alike."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

Cents = npt.NDArray[np.int64]
Amount = TypeVar("Amount", int, Cents)


def tax_on(net: Amount, rate: Amount) -> Amount:
    """The tax on a net amount, half a cent upwards. The rate is in hundredths of a percent."""
    return (net * rate + 5000) // 10_000


def percent_of(amount: Amount, percent: Amount) -> Amount:
    """A percentage of an amount, half a cent upwards."""
    return (amount * percent + 50) // 100


def share(discount: Amount, before: Amount, gross: Amount, items: Amount) -> Amount:
    """A line's part of an order's discount, in proportion to its gross amount.

    `before` is the gross amount of the lines before it, `items` that of all lines. The parts of all
    lines add up to the discount exactly, and none exceeds its line, provided that the discount does
    not exceed `items`. An order of nothing has no discount to share: give 1 for `items` then.
    """
    return discount * (before + gross) // items - discount * before // items


def text(cents: int) -> str:
    """An amount the way SQL writes it."""
    sign = "-" if cents < 0 else ""
    whole, rest = divmod(abs(cents), 100)
    return f"{sign}{whole}.{rest:02d}"
