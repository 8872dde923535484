"""From when on an operator should look: the same for `till doctor`, `/api/operations` and the alerts of the guide."""

from __future__ import annotations

GIB = 1 << 30

# Free space on the warehouse's disk; a merge of large parts needs as much as they take.
LEAST_FREE_BYTES = 2 * GIB
# Seconds behind the store.
MOST_LAG_SECONDS = 60.0
# The share of the log that the server keeps for a slot at most, from when on the rest may go faster than help comes.
MOST_LOG_USED = 0.5
# Log kept for us where the server has no limit: its disk is what fills up.
MOST_LOG_BYTES = 8 * GIB
