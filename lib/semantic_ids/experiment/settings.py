"""What an experiment is told: regimes, the protocol's numbers, and how large it may be."""

from dataclasses import dataclass

from semantic_ids.codebook import CodebookSpec
from semantic_ids.experiment.arms import ARMS, BASELINE, REFERENCE, Arm

DAY_US = 86_400_000_000


@dataclass(frozen=True)
class Regime:
    """One way to look at the data.

    Parameters
    ----------
    history : int
        Events of a history at most, the newest of them.
    relist_days : int or None
        Every item becomes another item, with an embedding a little off, after so many days.
    noise : float
        How far off, by the spread of the embeddings: the relative error of a listing is its square.
    share : float
        Share of the moments that are trained on; all are scored.
    """

    history: int = 50
    relist_days: int | None = None
    noise: float = 0.0
    share: float = 1.0

    @property
    def name(self) -> str:
        """Say it in a few words."""
        listing = f"relisted every {self.relist_days} days" if self.relist_days else "as it is"
        noise = f", noise {self.noise:g}" if self.relist_days else ""
        share = f", {self.share:.0%} to train on" if self.share < 1 else ""
        return f"{listing}{noise}, {self.history} events{share}"


@dataclass(frozen=True)
class Settings:
    """The protocol: the same for all arms.

    Parameters
    ----------
    arms : tuple of str
        Keys of `arms.ARMS`.
    side, mixed : CodebookSpec
        Stages of the codebooks that are fitted on the items of the first half.
    seeds : tuple of int
        One pass each: start of the model.
    rates, table_rates : tuples of float
        Learning rates to choose from, of the networks (Adam) and of learned tables (Adagrad).
    negatives : int
        For each positive event.
    window_days : int
        Negatives come from events of the same window.
    per_moment : int
        Positive events of one user and time that become examples, at most.
    positives : int
        Positive events at most, drawn from all.
    hashed_rows : int
        Rows of the hashed table.
    dim : int
        Floats that an event becomes.
    batch : int
        Examples of a step, about.
    seed : int
        Of negatives, samples, noise, codebooks and shuffles.
    """

    arms: tuple[str, ...]
    side: CodebookSpec
    mixed: CodebookSpec
    seeds: tuple[int, ...] = (0, 1, 2)
    rates: tuple[float, ...] = (0.001, 0.003, 0.01)
    table_rates: tuple[float, ...] = (0.01, 0.03, 0.1)
    negatives: int = 4
    window_days: int = 7
    per_moment: int = 4
    positives: int = 50_000
    hashed_rows: int = 10_000
    dim: int = 32
    batch: int = 512
    seed: int = 0

    def chosen(self) -> list[Arm]:
        """Give the arms, those that the others are compared with first."""
        keys = (BASELINE, REFERENCE, *self.arms)
        return [ARMS[key] for key in dict.fromkeys(keys)]
