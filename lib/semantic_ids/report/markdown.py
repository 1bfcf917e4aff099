"""Small pieces of Markdown."""

from collections.abc import Sequence

__all__ = ["bullet", "code", "table"]


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, text_columns: int = 1) -> str:
    """Give a table; columns after the first `text_columns` hold numbers and align right."""
    rule = ["---" if place < text_columns else "---:" for place in range(len(header))]
    return "\n".join(_row(cells) for cells in (header, rule, *rows))


def code(text: str) -> str:
    """Give text as code, whatever characters it holds."""
    flat = " ".join(text.split("\n"))
    fence = "`"
    while fence in flat:
        fence += "`"
    pad = " " if flat.startswith("`") or flat.endswith("`") else ""
    return f"{fence}{pad}{flat}{pad}{fence}"


def bullet(lines: Sequence[str]) -> str:
    """Give a list."""
    return "\n".join(f"- {line}" for line in lines)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
