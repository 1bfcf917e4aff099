"""The sections of a churn page about a sample: distances, neighbours, categories, the farthest."""

from collections.abc import Iterator

from semantic_ids.codebook import Moves, Recall
from semantic_ids.report.churn import CategoryChurn, Churn, MovedItem
from semantic_ids.report.page import Chart, Column, Section, Table, Value
from semantic_ids.report.quality_sample import recall_table

__all__ = ["sample_sections"]


def sample_sections(churn: Churn) -> Iterator[Section]:
    """Say how far items moved, which neighbours and categories stayed, and who went farthest."""
    if churn.moves:
        yield _distances(churn.moves, churn.moves_of_moved)
    if churn.recall:
        yield _neighbours(churn.recall)
    for number, category in enumerate(churn.categories, start=1):
        yield _category(number, category)
    if churn.farthest:
        yield _farthest(churn.farthest)


def _distances(moves: Moves, of_moved: Moves | None) -> Section:
    columns = [
        Column("share_of_items", "share of the items", "share"),
        Column("distance", "all: moved at most, radii", "number"),
    ]
    rows: list[tuple[Value, ...]] = list(moves.quantiles)
    notes = [f"Mean of the {moves.n_items:,} items: {moves.mean:.4g} radii."]
    lines = ["distance"]
    if of_moved and of_moved.n_items < moves.n_items:
        columns.append(Column("distance_of_moved", "moved ones: at most, radii", "number"))
        rows = [(*row, value) for row, (_, value) in zip(rows, of_moved.quantiles, strict=True)]
        notes.append(
            f"Mean of the {of_moved.n_items:,} whose SID moved: {of_moved.mean:.4g} radii."
        )
        lines.append("distance_of_moved")
    return Section(
        "distances",
        "How far items moved",
        "The distance between what an item's SID decoded to before and after, in radii of the "
        "catalogue: 0 is no move, and two items picked at random are about 1.4 apart.",
        Table(tuple(columns), tuple(rows)),
        Chart("line", "share_of_items", tuple(lines), "distance, radii"),
        (
            "A row says how far that share of the items moved at most, least first.",
            *notes,
            "The radius is the root of the mean squared distance of the decoded items before from "
            "their mean.",
        ),
    )


def _neighbours(recall: Recall) -> Section:
    return Section(
        "neighbours",
        "Which neighbours items keep",
        f"Of the {recall.k} items nearest to an item by what SIDs decoded to before, this share is "
        f"among the {recall.k} nearest after.",
        recall_table(recall, Column("kept", "kept", "share")),
        None,
        (
            "Exact searches among the sample, the item itself left out; the interval is over the "
            "items asked.",
        ),
    )


def _category(number: int, category: CategoryChurn) -> Section:
    groups = category.groups
    columns = [Column("value", category.name), Column("n_items", "items", "count")]
    has_moved = any(group.moved is not None for _, group in groups)
    has_distance = any(group.mean_distance is not None for _, group in groups)
    if has_moved:
        columns += [
            Column("moved", "moved", "share"),
            Column("low", "95 % interval from", "share"),
            Column("high", "to", "share"),
        ]
    if has_distance:
        columns.append(Column("mean_distance", "mean distance, radii", "number"))
    rows = tuple(
        (
            value,
            group.n_items,
            *((group.moved, group.low, group.high) if has_moved else ()),
            *((group.mean_distance,) if has_distance else ()),
        )
        for value, group in groups
    )
    what = "the share whose SID moved" if has_moved else "the mean distance"
    y, y_title = ("moved", "share that moved") if has_moved else ("mean_distance", "radii")
    return Section(
        f"category_{number}",
        f"Items of which {category.name} moved most",
        f"Values of {category.name} by {what}, the largest first: one far above the others says "
        "what the change was about.",
        Table(tuple(columns), rows),
        Chart("barh", "value", (y,), y_title),
        (_left_out(category),),
    )


def _left_out(category: CategoryChurn) -> str:
    kinds = "classes of as many items each" if category.in_tenths else "values"
    told = f"{category.n_items:,} items of the sample, {category.n_values:,} {kinds}"
    n_few = category.n_values - len(category.groups)
    return f"{told}; {n_few:,} of fewer than 10 items are left out." if n_few else f"{told}."


def _farthest(farthest: tuple[MovedItem, ...]) -> Section:
    has_titles = any(item.title is not None for item in farthest)
    columns = (
        *([Column("title", "item")] if has_titles else []),
        Column("item_id", "item_id"),
        Column("distance", "distance, radii", "number"),
        Column("before", "SID before"),
        Column("after", "SID after"),
    )
    rows = tuple(
        (
            *([item.title] if has_titles else []),
            item.item_id,
            item.distance,
            item.before,
            item.after,
        )
        for item in farthest
    )
    return Section(
        "farthest",
        "Items that moved farthest",
        "The items of the sample whose SIDs decode to places farthest apart: look whether you know "
        "why.",
        Table(columns, rows),
    )
