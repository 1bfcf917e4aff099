"""Pages that are written by a program are what it would write now."""

import runpy
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field

from semantic_ids.config import Table
from semantic_ids.keys import Key, keys_of


class Block(BaseModel):
    """A block."""

    share: float = Field(0.5, gt=0, lt=1, description="of the rows")


class Job(BaseModel):
    """A job."""

    items: Table = Field(description="what is read")
    runs: Table | None = Field(None, description="what was done")
    kind: Literal["a", "b"] | None = Field(None, description="one of two")
    name: Annotated[str, Field(min_length=1)] = Field(description="a name")
    days: list[int] = Field(default=[1, 2], description="of the month")
    block: Block = Block(share=0.25)


def test_keys_say_kind_bounds_and_default():
    assert list(keys_of(Job)) == [
        Key("items", "table", None, "what is read"),
        Key("runs", "table", "null", "what was done"),
        Key("kind", "a or b", "null", "one of two"),
        Key("name", "text", None, "a name"),
        Key("days", "list of whole number", "[1, 2]", "of the month"),
        Key("block.share", "number, > 0 and < 1", "0.25", "of the rows"),
    ]


def test_the_reference_is_that_of_the_models(root):
    program = runpy.run_path(str(root / "docs" / "reference.py"))
    found = (root / "docs" / "reference.md").read_text(encoding="utf-8")
    assert found == program["reference"](), "run .venv/bin/python docs/reference.py"
    for job in program["configs"]():
        assert f"\n## {job}\n" in found


def test_the_sizing_table_is_what_the_program_prints(root):
    table = runpy.run_path(str(root / "benchmarks" / "sizing.py"))["main"]([])
    page = (root / "docs" / "operations" / "sizing.md").read_text(encoding="utf-8")
    assert table in page, "put what benchmarks/sizing.py prints into docs/operations/sizing.md"


@pytest.mark.parametrize(
    ("arguments", "row"),
    [
        # 10^10 rows x 7.17 us / 1.0 = 71,700 core s, and 12.3 s: one executor of 4 cores, 4.98 h
        (
            ["--efficiency", "1", "--read-mb-s", "1e6", "--hours", "5", "--core-hour-usd", "1"],
            "299",
        ),
        # the store: 1536 bytes x 10^10 at 100 MB/s are 153,600 core s, 2 executors, 5.33 h
        (["--efficiency", "1", "--hours", "10"], "320"),
    ],
)
def test_sizes_are_those_of_a_calculation_by_hand(root, arguments, row):
    table = runpy.run_path(str(root / "benchmarks" / "sizing.py"))["main"](arguments)
    line = next(line for line in table.splitlines() if "quantize_items, all | 10^10" in line)
    assert line.split(" | ")[5] == row
