"""The sections of a quality page about the SIDs of all items: symbols, digits, collisions."""

import math
from collections.abc import Iterator

from semantic_ids.codebook import SizeClass, Use
from semantic_ids.report.page import Chart, Column, Section, Table, Value
from semantic_ids.report.quality import DigitUse, Quality
from semantic_ids.report.quality_rules import percent
from semantic_ids.report.texts import clean, shorten

__all__ = ["symbol_sections"]

_USE = (
    Column("n_values", "values", "count"),
    Column("n_dead", "dead", "count"),
    Column("utilisation", "used", "share"),
    Column("effective_bits", "effective bits", "number"),
    Column("nominal_bits", "nominal bits", "number"),
    Column("perplexity", "perplexity", "number"),
    Column("gini", "Gini", "number"),
)
_TITLE_COLUMNS = 80


def symbol_sections(quality: Quality) -> Iterator[Section]:
    """Give the sections in order; those of digits and of pairs only where there are such."""
    yield _symbols(quality)
    if quality.digits:
        yield _digits(quality.digits)
    if quality.pairs:
        yield _information(quality)
    yield _collisions(quality)
    if quality.shared:
        yield _shared(quality)


def _use_of(use: Use) -> tuple[Value, ...]:
    return (
        use.n_values,
        use.n_dead,
        use.utilisation,
        use.entropy_bits,
        use.nominal_bits,
        use.perplexity,
        use.gini,
    )


def _symbols(quality: Quality) -> Section:
    columns = (Column("byte", "byte", "count"), Column("kind", "kind"), *_USE)
    rows = tuple((j, byte.kind, *_use_of(byte.use)) for j, byte in enumerate(quality.bytes_))
    found = quality.collisions
    return Section(
        "symbols",
        "How evenly items use the symbols of each byte",
        "A byte whose effective bits come near its nominal bits spreads items evenly over its "
        "symbols; a dead symbol is a value that no item has.",
        Table(columns, rows),
        Chart("bar", "byte", ("effective_bits", "nominal_bits"), "bits"),
        (
            f"The whole SID has {found.entropy_bits:.2f} effective bits of "
            f"{quality.nominal_bits:.2f} nominal ones. {found.n_items:,} items that all differ "
            f"would have {math.log2(found.n_items):.2f}, and no more can be had from so many.",
            "Byte 0 is the first and coarsest. Perplexity is the number of equally common symbols "
            "that would be as hard to guess; Gini is 0 where all symbols are equally common and "
            "near 1 where few have most items.",
        ),
    )


def _digits(digits: tuple[DigitUse, ...]) -> Section:
    columns = (
        Column("digit", "byte.digit"),
        Column("minus_share", "items at -1", "share"),
        Column("zero_share", "items at 0", "share"),
        Column("plus_share", "items at 1", "share"),
        *_USE[3:],
    )
    return Section(
        "digits",
        "How evenly items use the values of each digit",
        "A digit says on which side of one direction an item lies, or at 0 that it lies between; "
        "where nearly all items have one value, the direction tells little.",
        Table(columns, tuple(_digit(digit) for digit in digits)),
        Chart("bar", "digit", ("effective_bits", "nominal_bits"), "bits"),
        ("A binary digit has no 0.",) if any(len(each.shares) == 2 for each in digits) else (),
    )


def _digit(digit: DigitUse) -> tuple[Value, ...]:
    minus, *zero, plus = digit.shares
    shares = (minus, zero[0] if zero else None, plus)
    return (f"{digit.byte}.{digit.digit}", *shares, *_use_of(digit.use)[3:])


def _information(quality: Quality) -> Section:
    columns = (
        Column("bytes", "bytes"),
        Column("bits", "mutual information, bits", "number"),
        Column("bits_by_chance", "by chance, bits", "number"),
        Column("excess_bits", "above chance, bits", "number"),
    )
    rows = tuple(
        (f"{pair.first} and {pair.second}", pair.bits, pair.bits_by_chance, pair.excess_bits)
        for pair in quality.pairs
    )
    return Section(
        "information",
        "What one byte already tells of another",
        "Bits above chance are said twice: at 0 two bytes say different things, and at a byte's "
        "effective bits one of them could be left out.",
        Table(columns, rows),
        Chart("bar", "bytes", ("excess_bits",), "bits above chance"),
        (
            "By chance is what as many items show where the bytes are independent and each symbol "
            "as common as here; of few items it is large.",
        ),
    )


def _collisions(quality: Quality) -> Section:
    columns = (
        Column("items_per_sid", "items of one SID"),
        Column("n_sids", "SIDs", "count"),
        Column("n_items", "items", "count"),
        Column("share", "of all items", "share"),
    )
    found = quality.collisions
    rows = tuple(
        (_span(size), size.n_sids, size.n_items, size.n_items / found.n_items)
        for size in found.sizes
    )
    identical = max(0.0, found.sharing_share - quality.needless_share)
    return Section(
        "collisions",
        "How many items share their SID",
        "Each row counts the SIDs that so many items have: only items of the first row, alone with "
        "their SID, can be told apart by it."
        if any(size.most == 1 for size in found.sizes)
        else "Each row counts the SIDs that so many items have: items of one SID cannot be told "
        "apart by it, and here no item is alone with its SID.",
        Table(columns, rows),
        Chart("bar", "items_per_sid", ("share",), "share of all items"),
        (
            f"{found.n_sharing_items:,} of {found.n_items:,} items, "
            f"{percent(found.sharing_share)}, share their SID; the commonest SID has "
            f"{found.largest:,}.",
            f"{percent(identical)} of the items share it with items of the same embedding only, "
            f"which no codebook can part, and {percent(quality.needless_share)} with an item of "
            "another embedding.",
        ),
    )


def _span(size: SizeClass) -> str:
    return f"{size.fewest:,}" if size.fewest == size.most else f"{size.fewest:,} to {size.most:,}"


def _shared(quality: Quality) -> Section:
    columns = (
        Column("sid", "SID, in hexadecimal"),
        Column("n_items", "items", "count"),
        Column("n_seen", "looked at", "count"),
        Column("n_embeddings", "different embeddings", "count"),
        Column("titles", "some of the items"),
    )
    rows = tuple(
        (group.sid, group.n_items, group.n_seen, group.n_embeddings, _titles(group.titles))
        for group in quality.shared
    )
    return Section(
        "shared_sids",
        "The SIDs that most items share",
        "Read the items of a row: if they are nearly the same thing, sharing a SID is harmless; "
        "where all have one embedding, no codebook can part them.",
        Table(columns, rows),
    )


def _titles(titles: tuple[str, ...]) -> str:
    return " · ".join(shorten(clean(title), _TITLE_COLUMNS) for title in titles)
