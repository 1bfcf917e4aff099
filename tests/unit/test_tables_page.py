"""docs/tables.md says what columns the tables have; the code says so too."""

import re
from pathlib import Path

import pytest
from pyspark.sql.types import LongType

from semantic_ids.spark.codebooks import codebooks_output
from semantic_ids.spark.quantize import item_sids_output, rejected_items_output
from semantic_ids.spark.releases import releases_output
from semantic_ids.spark.runs import runs_output
from semantic_ids.spark.sequences import sequences_output

PAGE = Path(__file__).parents[2] / "docs" / "tables.md"
OUTPUTS = {
    "codebooks": codebooks_output("t"),
    "item_sids": item_sids_output("t", LongType()),
    "rejected_items": rejected_items_output("t", LongType()),
    "sequences": sequences_output("t", LongType(), dtypes={}, buckets=4),
    "releases": releases_output("t"),
    "runs": runs_output("t"),
}


def described():
    """Give the columns of each table of the page, in its order."""
    _, *parts = re.split(r"^## (\w+)$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    rows = r"^\| (\w+) \| ([\w<>,]+)(?: or string)? \|"
    tables = zip(parts[::2], parts[1::2], strict=True)
    return {name: re.findall(rows, text, re.MULTILINE)[1:] for name, text in tables}  # not its head


def test_the_page_has_each_table():
    assert described().keys() == OUTPUTS.keys()


@pytest.mark.parametrize("name", OUTPUTS)
def test_the_page_says_each_column_and_its_type(name):
    schema = OUTPUTS[name].schema
    assert described()[name] == [(field.name, field.dataType.simpleString()) for field in schema]


@pytest.mark.parametrize("name", OUTPUTS)
def test_the_page_says_how_a_table_is_partitioned(name):
    text = PAGE.read_text(encoding="utf-8").split(f"## {name}\n")[1].split("\n## ")[0]
    said = re.search(r"Partitioned by ([\w ]+)", text)
    columns = tuple(said[1].split(" and ")) if said else ()
    assert columns == OUTPUTS[name].partition_by
