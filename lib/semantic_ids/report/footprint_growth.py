"""Growth: what a table's own history says of the day when it has so many events or items."""

from dataclasses import dataclass

__all__ = ["TARGETS", "History", "Moment", "Projection", "is_long", "project"]

TARGETS = {"item": 10**9, "event": 10**12}

LEAST_MOMENTS, LEAST_DAYS = 3, 7.0
"""A shorter history projects nothing."""

_DAYS_A_YEAR = 365.25


@dataclass(frozen=True)
class Moment:
    """What a table held at one time.

    Parameters
    ----------
    label : str
        A version or a day, for people.
    day : float
        Days since any fixed moment.
    n_units, size_bytes : int or float
        Events or items up to then, and the bytes of the table.
    """

    label: str
    day: float
    n_units: int
    size_bytes: float


@dataclass(frozen=True)
class History:
    """What is known of a table's past.

    Parameters
    ----------
    kind : str
        "version" or "day".
    n_found : int
    n_days : float
        How many there are, and over how many days.
    moments : tuple of Moment
        Some of them, in the order of time; empty where the history is too short to be counted.
    """

    kind: str
    n_found: int
    n_days: float
    moments: tuple[Moment, ...] = ()

    @property
    def days(self) -> float:
        """Days between the first moment and the last."""
        return self.moments[-1].day - self.moments[0].day if self.moments else 0.0

    @property
    def is_long_enough(self) -> bool:
        """Whether its moments suffice to project from."""
        return is_long(len(self.moments), self.days)


def is_long(n_moments: int, days: float) -> bool:
    """Say whether so many moments over so many days are enough to project from."""
    return n_moments >= LEAST_MOMENTS and days >= LEAST_DAYS


@dataclass(frozen=True)
class Projection:
    """A table's growth, as straight as between the ends of its history.

    Parameters
    ----------
    units_per_day, bytes_per_day : float
    years : float or None
        Until the target is reached: 0 where it is, None where the table does not grow.
    """

    units_per_day: float
    bytes_per_day: float
    years: float | None


def project(history: History, target: int) -> Projection | None:
    """Draw a line through the first and the last moment; None where the history is too short."""
    if not history.is_long_enough:
        return None
    first, last = history.moments[0], history.moments[-1]
    rate = (last.n_units - first.n_units) / history.days
    lacking = target - last.n_units
    years = 0.0 if lacking <= 0 else lacking / rate / _DAYS_A_YEAR if rate > 0 else None
    return Projection(rate, (last.size_bytes - first.size_bytes) / history.days, years)
