"""Pages that a browser must open: each audit adds one to PAGES, and the tests take them all."""

from churn_values import hostile_churn_page
from footprint_values import hostile_footprint_page
from ne_values import hostile_ne_page
from quality_values import hostile_quality_page

from semantic_ids.report import Chart, Column, Finding, Page, Section, Table

HOSTILE = {
    "script": "<script>document.title = 'broken in'</script>",
    "end of script": "</script></style><img src=x onerror=alert(1)>",
    "template": "{{ 7 * 7 }} {% raw %} ${7*7} $\\frac{1}{0}$ `a` *b* [c](javascript:alert(1))",
    "quotes": "\"double\" 'single' &amp; &lt; \\ | pipe",
    "formula": "=cmd|' /C calc'!A0",
    "sum": "@SUM(1+1)*cmd|' /C calc'!A0",
    "minus": "-2+3",
    "tab": "\t=1+1",
    "lines": "first line\r\nsecond line; =1+1",
    "right to left": "שלום עולם، مرحبا بالعالم (2024)",
    "override": "\u202egnirts desrever\u2066 never closed",
    "controls": "a\x00b\x07c\x1b[31md\x7f\x9b\ufffe",
    "surrogate": "half \ud83d of a pair",
    "emoji": "👩‍👩‍👧‍👦 🏳️‍🌈 🇩🇪 👍🏽",
    "marks": "Z" + "\u0300\u0301\u0302\u0303" * 30 + "algo",
    "wide": "日本語の商品名、とても長い説明が続きます" * 4,
    "one word": "x" * 10_000,
    "long": "many words " * 900,
    "empty": "",
    "spaces": "   ",
}


def hostile_page() -> Page:
    """Give a page whose every text is hostile, with each kind of chart and a long table."""
    titles = tuple(HOSTILE.values())
    sections = (
        _items(titles),
        *(_charted(kind, title) for kind, title in zip(("line", "bar"), titles, strict=False)),
        _empty(titles[3]),
    )
    return Page(
        job="audit_hostile",
        title=f"Hostile {titles[1]}",
        headline="; ".join(title[:60] for title in titles),
        facts=tuple((f"{name} {title[:40]}", title) for name, title in HOSTILE.items()),
        sections=sections,
        findings=(
            Finding("good", f"act above {titles[0]}", titles[9]),
            Finding("act", "act above 0.5", titles[16]),
            Finding("watch", titles[3], titles[1]),
        ),
        not_measured=titles,
    )


def _items(titles: tuple[str, ...]) -> Section:
    """List 200 items: texts, every kind of number, and what is missing."""
    columns = (
        Column("item", titles[0]),
        Column("count", "Count", "count"),
        Column("number", titles[3], "number"),
        Column("share", "Share", "share"),
        Column("bytes", titles[16], "bytes"),
        Column("sid", "SID"),
    )
    rows = tuple(
        (
            titles[row % len(titles)],
            None if row % 7 == 3 else (row * 7919) % 10_007,
            None if row % 11 == 5 else (row - 100) / 3,
            None if row % 5 == 2 else row / 199,
            10.0 ** (row % 13),
            f"{row:016x}" if row % 3 else None,
        )
        for row in range(200)
    )
    chart = Chart("barh", "item", ("bytes",), "bytes $x_$", log_y=True)
    return Section("items", titles[1], titles[0], Table(columns, rows), chart, titles)


def _charted(kind: str, title: str) -> Section:
    columns = (
        Column("x", title, "count"),
        Column("a", title, "share"),
        Column("b", "second", "share"),
    )
    rows = tuple((row, row / 40, None if row % 4 == 1 else (row / 40) ** 2) for row in range(1, 25))
    return Section(
        f"{kind}_chart", title, title, Table(columns, rows), Chart(kind, "x", ("a", "b"), title)
    )


def _empty(title: str) -> Section:
    table = Table((Column("x", title), Column("y", title, "count")), ())
    return Section("empty", title, title, table, Chart("bar", "x", ("y",), title))


def plain_page() -> Page:
    """Give a page as an audit writes it."""
    bytes_ = tuple(range(9))
    error = Table(
        (
            Column("width", "Bytes kept", "count"),
            Column("relative_error", "Relative error", "share"),
            Column("cosine", "Cosine", "number"),
        ),
        tuple((width, 0.71**width, 1 - 0.6 * 0.7**width) for width in bytes_),
    )
    symbols = Table(
        (
            Column("byte", "Byte", "count"),
            Column("entropy_bits", "Entropy", "number"),
            Column("perplexity", "Perplexity", "number"),
            Column("gini", "Gini", "number"),
            Column("used_share", "Symbols used", "share"),
            Column("dead", "Dead symbols", "count"),
        ),
        tuple(
            (byte, 7.9 - byte / 5, 2 ** (7.9 - byte / 5), 0.1 + byte / 30, 1 - byte / 50, byte * 4)
            for byte in range(8)
        ),
    )
    names = ("REGENCY CAKESTAND 3 TIER", "WHITE HANGING HEART T-LIGHT HOLDER", "JAM MAKING SET")
    groups = Table(
        (
            Column("sid", "SID"),
            Column("items", "Items", "count"),
            Column("labels", "Some of them"),
        ),
        tuple(
            (f"{7 * row:016x}", 90 - row, f"{names[row % 3]}, {names[(row + 1) % 3]}")
            for row in range(45)
        ),
    )
    arms = Table(
        (
            Column("arm", "What an event stores"),
            Column("bytes_per_event", "On disk per event", "bytes"),
            Column("size_bytes", "File", "bytes"),
        ),
        (
            ("SIDs of 8 bytes", 2.23, 111_512),
            ("three int64 prefix n-gram ids", 4.05, 202_551),
            ("item ids", 1.62, 81_004),
            ("int8 embeddings", 96.4, 4_820_113),
            ("float16 embeddings", 225.59, 11_279_633),
            ("float32 embeddings", 418.2, 20_911_407),
        ),
    )
    return Page(
        job="audit_quality",
        title="How good the SIDs of the codebook shop are",
        headline=(
            "SIDs keep 93.5 % of the variance of the embeddings, and 3 of 100 items share theirs "
            "with another."
        ),
        facts=(
            ("run", "20251125T180000Z-0f3a9c21"),
            ("measured at", "2025-11-25 18:00:00 UTC"),
            ("embeddings", "examples/online_retail/items.parquet"),
            ("item_sids", "quickstart/tables/item_sids, version 3"),
            ("sample", "20,000 of 3,947,112 items"),
        ),
        sections=(
            Section(
                "error",
                "What is lost with each byte",
                "The lower the better: the share of the embeddings' variance that is left after "
                "so many bytes; a steep line means that early bytes carry most.",
                error,
                Chart("line", "width", ("relative_error",), "relative error, share of variance"),
                ("Measured on the sample, against the vectors the codebook was fitted on.",),
            ),
            Section(
                "symbols",
                "How evenly symbols are used",
                "A byte used evenly has 8 bits of entropy; what falls short is capacity unused.",
                symbols,
                Chart("bar", "byte", ("entropy_bits",), "entropy of a byte, bits"),
            ),
            Section(
                "groups",
                "Items that share a SID",
                "The largest groups first; a group of near copies is right, a mixed one is not.",
                groups,
                Chart("barh", "labels", ("items",), "items with this SID"),
            ),
            Section(
                "arms",
                "What an event weighs",
                "Shorter bars are cheaper; the axis is logarithmic.",
                arms,
                Chart("barh", "arm", ("bytes_per_event",), "bytes per event", log_y=True),
            ),
        ),
        findings=(
            Finding(
                "watch",
                "act above 5 % of items that share a SID, watch above 1 %",
                "3.1 % of the items share their SID with another.",
            ),
            Finding(
                "good",
                "act above 50 % of the variance lost, watch above 30 %",
                "6.5 % of the variance is lost.",
            ),
        ),
        not_measured=(
            "Purity of prefixes: no categories were given; name their columns in `categories`.",
        ),
    )


def quality() -> Page:
    """Give the page of audit_quality, its names and titles hostile."""
    return hostile_quality_page(tuple(HOSTILE.values()))


def churn() -> Page:
    """Give the page of audit_churn, its names, titles and categories hostile."""
    return hostile_churn_page(tuple(HOSTILE.values()))


def footprint() -> Page:
    """Give the page of audit_footprint, its paths, columns and arms hostile."""
    return hostile_footprint_page(tuple(HOSTILE.values()))


def ne() -> Page:
    """Give the page of evaluate_ne, its names hostile."""
    return hostile_ne_page(tuple(HOSTILE.values()))


PAGES = {
    "churn": churn,
    "footprint": footprint,
    "hostile": hostile_page,
    "ne": ne,
    "plain": plain_page,
    "quality": quality,
}
