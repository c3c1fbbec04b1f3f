"""Local clock times and UTC instants, for whole columns at once.

Belongs here: offsets of a zone and the search for a clock reading after an instant. Does not belong: any
source's columns. Instants are int64 minutes since 1970-01-01T00:00Z; zones come from `zoneinfo` (so from the
`tzdata` package where the system has none), and are asked once a day and zone, not once a row.
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    import numpy as np

DAY = 24 * 60


def utc_offset(zone: str, instants: np.ndarray) -> np.ndarray:
    """Minutes to add to each UTC instant for the local time in `zone`.

    Raises:
        zoneinfo.ZoneInfoNotFoundError: unknown zone.
    """
    import numpy as np

    info = ZoneInfo(zone)

    def offset(minute: int) -> int:
        return int(
            datetime.fromtimestamp(minute * 60, UTC).astimezone(info).utcoffset().total_seconds() // 60
        )

    if len(instants) == 0:
        return np.zeros(0, dtype="int64")
    first, last = int(instants.min()), int(instants.max())
    edges, offsets = [first], [offset(first)]
    for day in range(first, last + 1, DAY):
        # no zone changes twice in 24 hours, so the minute of a change can be bisected
        if offset(day + DAY) != offsets[-1]:
            before = offsets[-1]
            change = bisect_left(range(day, day + DAY + 1), True, key=lambda minute: offset(minute) != before)
            edges.append(day + change)
            offsets.append(offset(day + DAY))
    return np.asarray(offsets)[np.searchsorted(np.asarray(edges), instants, side="right") - 1]


def next_clock_reading(zone: str, after: np.ndarray, clock: np.ndarray) -> np.ndarray:
    """The first instant at or after `after` at which a clock in `zone` shows `clock` minutes after midnight.

    A reading that does not exist (the hour left out in spring) is taken with the offset before the change;
    one that exists twice (autumn) is the first of the two not before `after`.
    """
    import numpy as np

    before, behind = utc_offset(zone, after), utc_offset(zone, after + DAY)
    wall = after + before + (clock - (after + before)) % DAY
    never = np.iinfo("int64").max
    first = np.full(len(after), never)
    # the last candidate: where clocks go back, a reading just before `after`'s own comes again within the
    # hour
    for candidate in (wall - before, wall - behind, wall - DAY - behind):
        shows = (candidate + utc_offset(zone, candidate) - clock) % DAY == 0
        first = np.where(shows & (candidate >= after), np.minimum(first, candidate), first)
    return np.where(first == never, wall - before, first)
