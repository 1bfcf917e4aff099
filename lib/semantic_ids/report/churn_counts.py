"""The sections of a churn page about what was counted: items, events, users, first bytes."""

from collections.abc import Iterator

from semantic_ids.report.churn import Churn, Counts, UserChurn
from semantic_ids.report.page import Chart, Column, Section, Table, Value

__all__ = ["event_sections", "item_sections"]


def item_sections(churn: Churn) -> Iterator[Section]:
    """Say what became of items, and where in their SIDs they moved."""
    is_one = churn.compared.is_one_codebook
    yield _became("items", "What became of the items", churn.items, is_one)
    if any(churn.items.first_bytes):
        yield _first_bytes("item_bytes", "Where in their SIDs items moved", "items", churn.items)


def event_sections(churn: Churn) -> Iterator[Section]:
    """Say the same of the events in the sequences, and whose they are."""
    if churn.events is None:
        return
    is_one = churn.compared.is_one_codebook
    yield _became("events", "What became of the events in the sequences", churn.events, is_one)
    if any(churn.events.first_bytes):
        yield _first_bytes(
            "event_bytes", "Where in their SIDs events moved", "events", churn.events
        )
    if churn.users:
        yield _users(churn.users)


def _became(key: str, title: str, counts: Counts, is_one: bool) -> Section:
    columns = (
        Column("what", "what became of them"),
        Column(f"n_{key}", key, "count"),
        Column("share_before", f"of the {key} before", "share"),
        Column("share_after", f"of the {key} after", "share"),
    )
    rows: list[tuple[str, int]] = [("on both sides", counts.n_both)]
    if counts.n_moved is not None:
        rows = [("kept their SID", counts.n_both - counts.n_moved), ("moved", counts.n_moved)]
    shares = tuple(
        (what, n, _share(n, counts.n_before), _share(n, counts.n_after)) for what, n in rows
    )
    cells: tuple[tuple[Value, ...], ...] = (
        *shares,
        ("new", counts.n_new, None, _share(counts.n_new, counts.n_after)),
        ("gone", counts.n_gone, _share(counts.n_gone, counts.n_before), None),
    )
    return Section(
        key,
        title,
        _READINGS[key, is_one],
        Table(columns, cells),
        Chart("barh", "what", (f"n_{key}",), key),
        (f"{counts.n_before:,} {key} before and {counts.n_after:,} after.",),
    )


_READINGS = {
    ("items", True): "An item moved if it has another SID than before: a model that learned the "
    "old one meets it as something else.",
    ("items", False): "Items on both sides have a SID of both codebooks; new and gone ones have "
    "only one.",
    ("events", True): "Events are compared by user and time, and events of one moment as a set of "
    "SIDs: what is left over on both sides has moved.",
    ("events", False): "Events are compared by user and time, whatever their SIDs: new and gone "
    "ones have no counterpart on the other side.",
}


def _share(n: int, of: int) -> float | None:
    return n / of if of else None


def _first_bytes(key: str, title: str, noun: str, counts: Counts) -> Section:
    n_told = sum(counts.first_bytes)
    columns = (
        Column("byte", "first byte that differs", "count"),
        Column(f"n_{noun}", noun, "count"),
        Column("share", "of those that moved", "share"),
    )
    rows = tuple((byte, n, n / n_told) for byte, n in enumerate(counts.first_bytes))
    left = (counts.n_moved or 0) - n_told
    return Section(
        key,
        title,
        f"Byte 0 is the coarsest: {noun} that differ from there on are in another part of the "
        "catalogue, and those that differ only in the last byte have hardly moved.",
        Table(columns, rows),
        Chart("bar", "byte", (f"n_{noun}",), noun),
        (
            f"{left:,} {noun} that moved are left out: several of one moment did, and which SID "
            "became which cannot be told.",
        )
        if left
        else (),
    )


def _users(users: UserChurn) -> Section:
    columns = (
        Column("what", "users"),
        Column("n_users", "how many", "count"),
        Column("share", "of the users on both sides", "share"),
    )
    untouched = users.n_both - users.n_touched
    rows: tuple[tuple[Value, ...], ...] = (
        ("with the same history", untouched, _share(untouched, users.n_both)),
        ("with another history", users.n_touched, _share(users.n_touched, users.n_both)),
        ("new", users.n_after - users.n_both, None),
        ("gone", users.n_before - users.n_both, None),
    )
    return Section(
        "users",
        "Whose histories changed",
        "A user has another history if any event of theirs moved, is new or is gone.",
        Table(columns, rows),
        Chart("barh", "what", ("n_users",), "users"),
    )
