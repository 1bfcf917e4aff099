"""Where tables are and what is refused before any work; listings of files; whose commits count."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql.types import LongType

from semantic_ids.errors import TableError
from semantic_ids.spark.commits import AnotherRunError, Commit, Turn
from semantic_ids.spark.quantize import item_sids_output
from semantic_ids.spark.snapshots import digest_of, keep_listing, read_listing
from semantic_ids.spark.sources import open_source

pytestmark = pytest.mark.spark

TABLE = pa.table({"item_id": [1, 2, 3]})


@pytest.mark.parametrize("name", ["items[a]", "b*", "{c,d}", "e?"])
def test_a_path_means_itself_whatever_characters_are_in_it(spark, tmp_path, name):
    for folder in (name, "itemsa", "bb", "c", "ef"):
        (tmp_path / folder).mkdir()
        pq.write_table(TABLE, tmp_path / folder / "part.parquet")
    opened = open_source(spark, "embeddings", str(tmp_path / name))
    assert opened.rows.count() == 3
    assert [path for path, _, _ in opened.listing] == [f"file:{tmp_path}/{name}/part.parquet"]
    assert len(opened.files()) == 1


def test_an_output_below_a_file_is_refused(spark, tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "deeper" / "item_sids"):
        with pytest.raises(TableError, match=r"^item_sids: .*, but '.*/file' is a file$"):
            item_sids_output(str(path), LongType()).check(spark)


def test_an_output_that_may_not_be_written_is_refused(spark, tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: path != str(tmp_path))  # root may always
    output = item_sids_output(f"{tmp_path}/new/item_sids", LongType())
    with pytest.raises(TableError, match=rf"cannot be written: no permission for '{tmp_path}'$"):
        output.check(spark)


def test_a_listing_is_found_by_its_digest_and_only_whole(spark, tmp_path):
    listing = [("file:/b ü%20.parquet", 7, 1_700_000_000_000_000), ("file:/a.parquet", 0, -1)]
    digest = digest_of(listing)
    assert read_listing(spark, str(tmp_path), digest) is None
    keep_listing(spark, str(tmp_path), listing)
    keep_listing(spark, str(tmp_path), listing)
    assert read_listing(spark, str(tmp_path), digest) == sorted(listing)
    (file,) = Path(tmp_path, "_semantic_ids").glob("*.gz")
    Path(file.parent, f".{file.name}.crc").unlink()
    file.write_bytes(file.read_bytes()[:-9])
    assert read_listing(spark, str(tmp_path), digest) is None


def test_a_turn_is_used_once_whatever_came_between(spark, place):
    output = item_sids_output(place(), LongType())
    rows = spark.createDataFrame([(1, 2, "a")], output.schema)
    first, second = output.turn(spark, "work"), output.turn(spark, "work")
    output.create(spark)
    assert first == second == output.turn(spark, "work") == Turn("work", 0)
    output.append(rows, Commit("work", {}, run_id="1"), turn=first)
    spark.sql(f"optimize delta.`{output.table}`")
    with pytest.raises(AnotherRunError, match="another run wrote to"):
        output.append(rows, Commit("work", {}, run_id="2"), turn=second)
    third = output.turn(spark, "work")
    output.append(rows, Commit("other work", {}, run_id="3"))
    output.append(rows, Commit("work", {}, run_id="4"), turn=third)
    assert output.read(spark).count() == 3
    assert [commit.run_id for commit in output.commits(spark)] == ["4", "3", "1"]
    spark.sql(f"update delta.`{output.table}` set sid = 5")
    assert list(output.commits(spark)) == []
    assert output.turn(spark, "work").number > third.number
