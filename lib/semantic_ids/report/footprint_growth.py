"""Growth: what a table's own history says of the day when it has so many events or items."""

from dataclasses import dataclass

__all__ = ["TARGETS", "History", "Moment", "Projection", "project"]

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
    """Moments of a table in the order of time; kind is "version" or "day"."""

    kind: str
    moments: tuple[Moment, ...]

    @property
    def days(self) -> float:
        """Days between the first moment and the last."""
        return self.moments[-1].day - self.moments[0].day if self.moments else 0.0

    @property
    def is_long_enough(self) -> bool:
        """Whether it is long enough to project from."""
        return len(self.moments) >= LEAST_MOMENTS and self.days >= LEAST_DAYS


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
