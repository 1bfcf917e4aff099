"""What an experiment is told: regimes, the protocol's numbers, and how large it may be."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from semantic_ids.codebook import CodebookSpec, FusionSpec
from semantic_ids.errors import ConfigError, nearest
from semantic_ids.experiment.arms import ARMS, BASELINE, REFERENCE, Arm

DAY_US = 86_400_000_000
ROUNDS = 5
"""Of refinement, for every codebook of an experiment: more gain little and cost minutes."""
COPURCHASE = "copurchase"
"""The collection that an experiment makes of its own events."""
MAX_DIGITS = 39


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
    fused : FusionSpec or None
        What is trained on them where items have several collections; its seed is that below.
    copurchase : int or None
        Floats of an embedding that is made from the events before the second quarter, beside the
        others.
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
    fused: FusionSpec | None = None
    copurchase: int | None = None
    seeds: tuple[int, ...] = (0, 1, 2)
    rates: tuple[float, ...] = (0.0003, 0.001, 0.003, 0.01)
    table_rates: tuple[float, ...] = (0.01, 0.03, 0.1)
    negatives: int = 4
    window_days: int = 7
    per_moment: int = 4
    positives: int = 50_000
    hashed_rows: int = 10_000
    dim: int = 32
    batch: int = 128
    seed: int = 0

    def __post_init__(self) -> None:
        for key in self.arms:
            if key not in ARMS:
                raise ConfigError(f"arms: there is no arm {key!r}; {nearest(key, ARMS)}")
            if lacks := self.lacks(ARMS[key]):
                raise ConfigError(f"arms: {key} needs {lacks}")

    def lacks(self, arm: Arm) -> str | None:
        """Say what an arm needs that is not there; None where it can run."""
        if arm.view == "digits" and not any(byte.n_digits for byte in self.side.layout):
            return "a codebook with digits, got stages of centroids only"
        if arm.book == "fused" and self.fused is None:
            return "several collections, got one: name more in collections, or set copurchase"
        return None

    def chosen(self) -> list[Arm]:
        """Give the arms, those that the others are compared with first."""
        return [ARMS[key] for key in dict.fromkeys((BASELINE, REFERENCE, *self.arms))]


def make_settings(
    spec: CodebookSpec,
    *,
    collections: Sequence[str],
    copurchase: int | None,
    arms: Sequence[str] | None,
    seeds: int,
    rates: Sequence[float],
    table_rates: Sequence[float],
    **numbers: Any,
) -> Settings:
    """Give the settings of an experiment beside a user's codebook.

    Parameters
    ----------
    spec : CodebookSpec
        Of the user's codebook: its stages are fitted anew on the first half, and beside them a
        mixture of as many bytes, centroids in the first half of them and ternary digits after.
    collections : sequence of str
        Of the items.
    copurchase : int or None
    arms : sequence of str or None
        Default: all that can run.
    seeds : int
        How many.
    rates, table_rates : sequence of float
    **numbers
        The rest, as Settings has it.

    Raises
    ------
    ConfigError
        If there is no such arm, or it cannot run, or a collection has the name of the one made.
    """
    if copurchase and COPURCHASE in collections:
        raise ConfigError(
            f"copurchase: makes a collection of that name, so no other may have it, got "
            f"{', '.join(collections)}"
        )
    names = [*collections, *([COPURCHASE] if copurchase else [])]
    width = len(spec.layout)
    n_centroids = width // 2
    mixed = [{"centroids": 256}] * n_centroids + [{"ternary": 5 * (width - n_centroids)}]
    stages = [stage.to_dict() for stage in spec.stages]
    settings = Settings(
        arms=() if arms is None else tuple(arms),
        side=CodebookSpec(stages, beam=spec.beam, sweeps=spec.sweeps, rounds=ROUNDS),
        mixed=CodebookSpec(mixed, rounds=ROUNDS),
        fused=_fused(names, width) if len(names) > 1 else None,
        copurchase=copurchase,
        seeds=tuple(range(seeds)),
        rates=tuple(rates),
        table_rates=tuple(table_rates),
        **numbers,
    )
    if arms is not None:
        return settings
    possible = tuple(key for key, arm in ARMS.items() if not settings.lacks(arm))
    return replace(settings, arms=possible)


def _fused(names: Sequence[str], width: int) -> FusionSpec:
    """Give collections one weight each, and leave some out while training, as items lack some."""
    return FusionSpec(
        dict.fromkeys(names, 1.0), digits=min(MAX_DIGITS, 5 * width), modality_dropout=0.1
    )
