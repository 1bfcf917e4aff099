"""The sections of a quality page that only a fused codebook has: each collection, each category."""

from dataclasses import dataclass

from semantic_ids.codebook import CategoryFit
from semantic_ids.report.page import Chart, Column, Section, Table

__all__ = ["CollectionFit", "FusedQuality", "fused_sections"]


@dataclass(frozen=True)
class CollectionFit:
    """What SIDs keep of one collection, of the items of the sample that have it.

    Parameters
    ----------
    name : str
    n_items, n_lacking : int
        Items of the sample that have the collection, and that lack it.
    relative_error, recall : float or None
        None where too few items have it, or its vectors are all the same.
    """

    name: str
    n_items: int
    n_lacking: int
    relative_error: float | None
    recall: float | None


@dataclass(frozen=True)
class FusedQuality:
    """What SIDs keep of each collection and tell of each category.

    Parameters
    ----------
    collections : tuple of CollectionFit
    categories : tuple of CategoryFit
    not_told : tuple of str
        Sentences about categories, or items, that are left out.
    """

    collections: tuple[CollectionFit, ...]
    categories: tuple[CategoryFit, ...]
    not_told: tuple[str, ...]


def fused_sections(fused: FusedQuality | None) -> list[Section]:
    """Give both sections; none for a codebook of one collection."""
    if fused is None:
        return []
    columns = (
        Column("collection", "collection"),
        Column("n_items", "items that have it", "count"),
        Column("n_lacking", "items that lack it", "count"),
        Column("relative_error", "relative error", "number"),
        Column("recall", "neighbours kept", "share"),
    )
    rows = tuple(
        (each.name, each.n_items, each.n_lacking, each.relative_error, each.recall)
        for each in fused.collections
    )
    sections = [
        Section(
            "collections",
            "What SIDs keep of each collection",
            "The share of the collection's variance that is lost, of the sample's items that have "
            "it, and the share of their 10 nearest items that are nearest by decoded SID too.",
            Table(columns, rows),
            Chart("bar", "collection", ("relative_error",), "relative error"),
        )
    ]
    if fused.categories:
        sections.append(_categories(fused.categories))
    return sections


def _categories(categories: tuple[CategoryFit, ...]) -> Section:
    columns = (
        Column("category", "category"),
        Column("n_items", "items that have it", "count"),
        Column("accuracy", "accuracy", "share"),
        Column("cross_entropy", "cross-entropy, nats", "number"),
        Column("prior", "of the shares alone, nats", "number"),
    )
    rows = tuple(
        (each.name, each.n_items, each.accuracy, each.cross_entropy, each.prior)
        for each in categories
    )
    return Section(
        "category_heads",
        "What SIDs tell of each category",
        "The codebook's own head reads the class off the SID's digits; a cross-entropy below that "
        "of the shares alone says that SIDs tell something.",
        Table(columns, rows),
    )
