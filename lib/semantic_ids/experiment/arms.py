"""The arms: ways to feed a history to the model, each a name for what an event is stored as."""

from dataclasses import dataclass
from typing import Literal

Stored = Literal["nothing", "item_ids", "prefixes", "levels", "sids", "vectors"]
View = Literal["items", "prefixes", "hashed", "levels", "digits", "decoded", "vectors"]
BookName = Literal["traditional", "side", "mixed", "fused"]
Control = Literal["histories", "sids"]

BASELINE, REFERENCE = "none", "traditional"


@dataclass(frozen=True)
class Arm:
    """One way to feed a history to the model.

    Parameters
    ----------
    key, title : str
    stored : str
        What a history holds of an event.
    view : str or None
        What the attention sees of an item; None leaves attention out.
    book : str or None
        Whose SIDs are stored.
    hidden : bool
        Whether the head has a hidden layer; of views that a head follows.
    similarity : bool
        Whether similarity features are shown: of the candidate's embedding with what the stored
        events decode to, or with their embeddings where those are stored.
    control : str or None
        What is dealt out anew, so that nothing can be gained: the histories of other users, or the
        SIDs of other events.
    """

    key: str
    title: str
    stored: Stored = "nothing"
    view: View | None = None
    book: BookName | None = None
    hidden: bool = False
    similarity: bool = False
    control: Control | None = None

    @property
    def has_tables(self) -> bool:
        """Whether it learns a table, which has a learning rate of its own."""
        return self.view in ("items", "prefixes", "hashed", "levels")


def _heads(key: str, title: str, **kind: object) -> list[Arm]:
    """Give an arm with each head, with and without similarity features."""
    return [
        Arm(
            f"{key}_{head}{'_similarity' if similarity else ''}",
            f"{title}, {name}{' + similarity' if similarity else ''}",
            hidden=head == "mlp",
            similarity=similarity,
            **kind,  # type: ignore[arg-type]  # the keywords of an Arm
        )
        for similarity in (False, True)
        for head, name in (("linear", "linear"), ("mlp", "MLP"))
    ]


ARMS: dict[str, Arm] = {
    arm.key: arm
    for arm in (
        Arm(BASELINE, "no history"),
        Arm("item_ids", "item-id table", "item_ids", "items"),
        Arm(REFERENCE, "traditional: prefix 3-gram tables", "prefixes", "prefixes", "traditional"),
        Arm("hashed", "traditional, hashed rows", "prefixes", "hashed", "traditional"),
        Arm("levels", "tables by level", "levels", "levels", "traditional"),
        *_heads("digits", "SIDE digits", stored="sids", view="digits", book="side"),
        *_heads("decoded", "SIDE decoded", stored="sids", view="decoded", book="side"),
        *_heads("mixed", "SIDE mixed decoded", stored="sids", view="decoded", book="mixed"),
        Arm("similarity", "SIDE mixed, similarity alone", "sids", None, "mixed", similarity=True),
        *_heads("fused", "SIDE fused decoded", stored="sids", view="decoded", book="fused"),
        *_heads("vectors", "float32 embeddings", stored="vectors", view="vectors"),
        Arm(
            "traditional_similarity",
            "traditional + similarity",
            "prefixes",
            "prefixes",
            "traditional",
            similarity=True,
        ),
        Arm(
            "shuffled_histories",
            "control: histories of others",
            "sids",
            "decoded",
            "mixed",
            similarity=True,
            control="histories",
        ),
        Arm(
            "shuffled_sids",
            "control: SIDs of other events",
            "sids",
            "decoded",
            "mixed",
            similarity=True,
            control="sids",
        ),
    )
}
