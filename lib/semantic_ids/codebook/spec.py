"""What a codebook is asked to be: stages, and how its encoder searches."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from semantic_ids.codebook.layout import Layout, lay_out
from semantic_ids.codebook.stage import Stage, StageLike, check_name, is_integer
from semantic_ids.errors import SpecError

PRESETS = ("fast", "balanced", "faithful")
_OPTIONS = ("beam", "sweeps", "rounds")


@dataclass(frozen=True, init=False)
class CodebookSpec:
    """The stages of a codebook and the options of its fit and its encoder.

    Parameters
    ----------
    stages : sequence of mappings
        Coarsest first, for instance ``[{"centroids": 256}, {"ternary": 20}]``.
    beam : int, optional
        Number of partial codes kept while encoding bytes; 1 is greedy. Part of the codebook, since
        it changes SIDs. Default 4, and 1 where all stages are digits: those are encoded digit by
        digit.
    sweeps : int, optional
        Passes of coordinate descent after the search. Default 2, and 3 where all stages are digits.
    rounds : int
        Rounds of joint refinement under noise, which one without follows; 0 leaves the
        stage-by-stage fit as it is.

    Raises
    ------
    SpecError
        If a stage or an option breaks a rule, or the stages need more than 8 bytes.

    Examples
    --------
    >>> CodebookSpec([{"ternary": 25}]).to_dict()
    {'stages': [{'ternary': 25}], 'beam': 1, 'sweeps': 3, 'rounds': 30}
    """

    stages: tuple[Stage, ...]
    beam: int
    sweeps: int
    rounds: int

    def __init__(
        self,
        stages: Iterable[StageLike],
        *,
        beam: int | None = None,
        sweeps: int | None = None,
        rounds: int = 30,
    ) -> None:
        if isinstance(stages, str | Mapping) or not isinstance(stages, Iterable):
            raise SpecError(f"stages must be a list of stages, got {stages!r}")
        parsed = tuple(Stage.parse(stage) for stage in stages)
        if not parsed:
            raise SpecError("stages must hold at least one stage, got none")
        only_digits = all(byte.n_digits for byte in lay_out(parsed))
        options = {
            "beam": beam if beam is not None else (1 if only_digits else 4),
            "sweeps": sweeps if sweeps is not None else (3 if only_digits else 2),
            "rounds": rounds,
        }
        for name, least in (("beam", 1), ("sweeps", 0), ("rounds", 0)):
            if not is_integer(options[name], least=least):
                raise SpecError(
                    f"{name} must be a whole number of at least {least}, got {options[name]!r}"
                )
        if only_digits and options["beam"] > 1:
            raise SpecError(
                "beam must be 1 where all stages are digits, which are encoded digit by digit, "
                f"got {beam}"
            )
        object.__setattr__(self, "stages", parsed)
        for name, value in options.items():
            object.__setattr__(self, name, int(value))

    @property
    def only_digits(self) -> bool:
        """Whether every stage is made of digits, so that encoding goes digit by digit."""
        return all(byte.n_digits for byte in self.layout)

    @property
    def layout(self) -> Layout:
        """The bytes of a SID, coarsest first."""
        return lay_out(self.stages)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able dict that ``from_dict`` reads."""
        return {
            "stages": [stage.to_dict() for stage in self.stages],
            "beam": self.beam,
            "sweeps": self.sweeps,
            "rounds": self.rounds,
        }

    @classmethod
    def from_dict(cls, options: Mapping[str, Any]) -> "CodebookSpec":
        """Build a spec from configuration; unknown keys are refused with the nearest right name."""
        if not isinstance(options, Mapping):
            raise SpecError(f"a codebook spec must be a mapping, got {options!r}")
        for key in options:
            check_name(key, (*_OPTIONS, "stages", "preset", "bits"), what="spec key")
        if ("stages" in options) == ("preset" in options):
            raise SpecError(f"a codebook spec must have either stages or preset, got {options!r}")
        rest = {key: options[key] for key in _OPTIONS if key in options}
        if "stages" not in options:
            return cls.preset(options["preset"], options.get("bits", 40), **rest)
        if "bits" in options:
            raise SpecError("bits must go with preset: stages have a width of their own")
        return cls(options["stages"], **rest)

    @classmethod
    def preset(cls, name: str, bits: int = 40, **options: int) -> "CodebookSpec":
        """Choose stages for a SID of at most `bits` bits, a multiple of 8 from 8 to 64.

        ``fast`` is ternary digits, ``faithful`` is bytes of centroids, and ``balanced`` is the same
        bytes encoded greedily.
        """
        check_name(name, PRESETS, what="preset")
        if not is_integer(bits) or bits not in range(8, 65, 8):
            raise SpecError(f"bits must be a multiple of 8 from 8 to 64, got {bits!r}")
        width = bits // 8
        if name == "fast":
            return cls([{"ternary": 5 * width - (1 if width == 8 else 0)}], **options)
        greedy = {"beam": 1, "sweeps": 0} if name == "balanced" else {}
        return cls([{"centroids": 256}] * width, **(greedy | options))
