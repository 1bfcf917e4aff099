"""What evaluate_ne measured, as plain values."""

from dataclasses import dataclass

__all__ = ["ArmScore", "Interval", "NeReport", "RegimeScore", "SliceScore"]


@dataclass(frozen=True)
class Interval:
    """A value with the bounds of its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class ArmScore:
    """One arm of one regime.

    Parameters
    ----------
    key, title : str
    stores_sids, is_control : bool
    second_quarter_ne : float
        What its learning rates were chosen by.
    ne, ne_spread : float
        Mean and standard deviation over seeds, on the second half.
    gain : Interval
        Share of the NE of no history that it takes off; over users.
    ratio : Interval or None
        Its gain by that of the traditional arm; None where that one may have none.
    n_parameters : int
    raw_bytes, stored_bytes : float
        Of an event of a history: before compression, and in a Parquet file.
    rate : float
    table_rate : float or None
    seconds : float
        Of one pass.
    """

    key: str
    title: str
    stores_sids: bool
    is_control: bool
    second_quarter_ne: float
    ne: float
    ne_spread: float
    gain: Interval
    ratio: Interval | None
    n_parameters: int
    raw_bytes: float
    stored_bytes: float
    rate: float
    table_rate: float | None
    seconds: float

    @property
    def gain_per_byte(self) -> float | None:
        """Gain by bytes of an event in a file; None where nothing is stored."""
        return self.gain.value / self.stored_bytes if self.stored_bytes else None


@dataclass(frozen=True)
class SliceScore:
    """Some of the examples: which they are, how many, and the arms' gains there.

    Parameters
    ----------
    kind, name : str
    n_examples : int
    gains : tuple of float or None
        In the order of the regime's arms; None where the slice is too small to say.
    """

    kind: str
    name: str
    n_examples: int
    gains: tuple[float | None, ...]


@dataclass(frozen=True)
class RegimeScore:
    """All arms of one regime.

    Parameters
    ----------
    name : str
    history : int
    relist_days : int or None
    noise, share : float
    n_examples, n_reported, n_users, n_items, n_events : int
        Examples in all and of the second half; users of these; items met and events of the stream.
    base_rate : float
        Share of positives in the second half.
    mean_history : float
        Events of a history, the mean over reported examples.
    arms : tuple of ArmScore
        The first has no history.
    slices : tuple of SliceScore
    """

    name: str
    history: int
    relist_days: int | None
    noise: float
    share: float
    n_examples: int
    n_reported: int
    n_users: int
    n_items: int
    n_events: int
    base_rate: float
    mean_history: float
    arms: tuple[ArmScore, ...]
    slices: tuple[SliceScore, ...]

    @property
    def events_per_item(self) -> float:
        """Events of the stream by items that it met."""
        return self.n_events / self.n_items

    @property
    def trained_per_item(self) -> float:
        """Events per item times the share of the moments that is trained on."""
        return self.events_per_item * self.share

    def arm(self, key: str) -> ArmScore | None:
        """Give an arm by its key, None where it did not run."""
        return next((arm for arm in self.arms if arm.key == key), None)

    def best_of_sids(self) -> ArmScore | None:
        """Give the arm that stores SIDs and was best in the second quarter, not in the half."""
        found = [arm for arm in self.arms if arm.stores_sids and not arm.is_control]
        return min(found, key=lambda arm: arm.second_quarter_ne, default=None)


@dataclass(frozen=True)
class NeReport:
    """The whole experiment.

    Parameters
    ----------
    regimes : tuple of RegimeScore
    facts : tuple of (str, str)
        What the figures rest on.
    not_measured : tuple of str
    """

    regimes: tuple[RegimeScore, ...]
    facts: tuple[tuple[str, str], ...]
    not_measured: tuple[str, ...]
