"""A time in days, weeks, months or years, as people write it. Pure: values only."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

_LAST = date(8000, 1, 1)
"""Three digits of years behind this day, the calendar of Python has days enough."""


class PeriodUnit(StrEnum):
    """What a period is counted in."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


@dataclass(frozen=True, slots=True)
class Period:
    """So many days, weeks, months or years."""

    count: int
    unit: PeriodUnit

    def after(self, day: date) -> date:
        """Return the day that is so long after *day*.

        Months and years keep the day of the month, or end with a shorter month. Behind `_LAST`
        nothing comes after anything: the calendar ends.
        """
        if day > _LAST:
            return day
        match self.unit:
            case PeriodUnit.DAY:
                return day + timedelta(days=self.count)
            case PeriodUnit.WEEK:
                return day + timedelta(weeks=self.count)
            case PeriodUnit.MONTH:
                return _months_after(day, self.count)
            case PeriodUnit.YEAR:
                return _months_after(day, 12 * self.count)

    def is_longer_than(self, other: Period) -> bool:
        """Return whether it ends later than *other*, whenever they begin.

        Where that depends on the months, as with 30 days and one month, it may be.
        """
        # Months of every length, and years: that to the spring of 2024 has 366 days.
        starts = [date(2023, month, 1) for month in range(1, 13)]
        return any(self.after(day) > other.after(day) for day in starts)

    def __str__(self) -> str:
        return f"{self.count} {self.unit}{'' if self.count == 1 else 's'}"


def _months_after(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
