"""What our commits say of themselves in Delta's history, and whose turn it is to write one."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pyspark.sql import Row

from semantic_ids.errors import SemanticIdsError

__all__ = [
    "HARMLESS",
    "AnotherRunError",
    "Commit",
    "Turn",
    "label_rejects",
    "parse_commit",
    "rejects_in",
]

# what somebody else may do to a table of ours and leave its rows as they are
HARMLESS = frozenset(
    {
        "ADD CONSTRAINT",
        "CHANGE COLUMN",
        "COMPUTE STATS",
        "CREATE TABLE",
        "DROP CONSTRAINT",
        "OPTIMIZE",
        "REORG",
        "SET TBLPROPERTIES",
        "UNSET TBLPROPERTIES",
        "UPGRADE PROTOCOL",
        "VACUUM END",
        "VACUUM START",
    }
)
_REJECTED = "rejected: "


def label_rejects(by_reason: Mapping[str, int]) -> dict[str, int]:
    """Label counts by reason as a commit's `rows` hold them, in the order of the reasons."""
    return {f"{_REJECTED}{reason}": n for reason, n in sorted(by_reason.items())}


def rejects_in(rows: Mapping[str, int]) -> dict[str, int]:
    """Give the counts by reason among a commit's `rows`."""
    labels = [label for label in rows if label.startswith(_REJECTED)]
    return {label.removeprefix(_REJECTED): rows[label] for label in labels}


class AnotherRunError(SemanticIdsError, RuntimeError):
    """Another run of the same work committed first."""

    exit_code = 1


@dataclass(frozen=True)
class Commit:
    """What one of our commits says of itself: which work it is, from what, and how many rows.

    Parameters
    ----------
    key : str
        The work; a later commit of the same key supersedes this one.
    inputs : mapping
        What the work was done from: equal inputs give equal rows.
    rows : mapping of str to int
        Counts, for the summary.
    run_id : str
        The run that wrote it.
    beside : mapping
        What goes with it in other tables.
    version : int
        Of the table that holds it; -1 before it is written.
    """

    key: str
    inputs: Mapping[str, Any]
    rows: Mapping[str, int] = field(default_factory=dict)
    run_id: str = ""
    beside: Mapping[str, Any] = field(default_factory=dict)
    version: int = -1

    def to_json(self) -> str:
        """Give the text stored as the commit's userMetadata."""
        said = dataclasses.asdict(self)
        del said["version"]
        return json.dumps(said)


@dataclass(frozen=True)
class Turn:
    """The right to write the next commit of a key: of several that hold it, one can use it."""

    key: str
    number: int


def parse_commit(row: Row) -> Commit | None:
    """Read a commit of ours from a row of the history; None for anybody else's."""
    try:
        said = json.loads(row["userMetadata"] or "")
        return Commit(
            said["key"],
            said["inputs"],
            said["rows"],
            said.get("run_id", ""),
            said.get("beside", {}),
            row["version"],
        )
    except (ValueError, TypeError, KeyError):
        return None
