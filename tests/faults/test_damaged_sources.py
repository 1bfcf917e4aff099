"""Sources go bad between runs: a sentence or a right answer, nothing lost, a clean next run."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import pytest
from delta.tables import DeltaTable
from pyspark.sql import DataFrame
from world import World

pytestmark = [pytest.mark.spark, pytest.mark.every_fault]

HOUR_MS = 3_600_000


def _data_files(world: World, table: str) -> list[Path]:
    uris = world.rows(table).inputFiles()
    return sorted(Path(unquote(uri.partition("file:")[2].replace("//", "/"))) for uri in uris)


def _damage_middle(file: Path) -> None:
    content = bytearray(file.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 4096] = bytes(4096)
    file.write_bytes(content)


def _truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1000])


def _overwrite_items(world: World, rows: DataFrame) -> None:
    writer = rows.write.format("delta").mode("overwrite").option("overwriteSchema", "true")
    writer.save(world.table("items"))


@pytest.mark.parametrize("damage", [_damage_middle, _truncate])
def test_a_damaged_file_is_named_and_costs_nothing(
    world: World, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    for table in ("item_sids", "rejected_items"):
        shutil.rmtree(world.table(table))  # so that all of the source is read
    file = max(_data_files(world, "items"), key=lambda file: file.stat().st_size)
    checksum = file.with_name(f".{file.name}.crc")
    checksum.unlink(missing_ok=True)
    shutil.copy(file, tmp_path / "whole")
    damage(file)
    finished = world.run_here("quantize_items")
    assert finished.code != 0
    assert file.name in finished.sentence
    assert not list(Path(world.table("item_sids")).rglob("*.parquet"))
    shutil.copy(tmp_path / "whole", file)
    assert world.run_here("quantize_items").code == 0
    world.check("quantize_items")


def test_a_source_that_lost_its_embedding_column_is_refused(world: World) -> None:
    rows = world.rows("items").withColumnRenamed("label_embedding", "text_embedding")
    _overwrite_items(world, rows)
    finished = world.run_here("quantize_items")
    assert finished.code == 2
    assert "no column 'label_embedding'; did you mean 'text_embedding'" in finished.sentence


def test_a_source_whose_embeddings_became_texts_is_refused(world: World) -> None:
    rows = world.rows("items").selectExpr("item_id", "'none' as label_embedding")
    _overwrite_items(world, rows)
    finished = world.run_here("quantize_items")
    assert finished.code == 2
    assert "label_embedding" in finished.sentence


def test_an_embedding_column_that_changes_its_length_half_way_is_rejected_row_by_row(
    world: World,
) -> None:
    items = DeltaTable.forPath(world.spark, world.table("items"))
    items.update("item_id % 2 = 0", {"label_embedding": "concat(label_embedding, array(0f))"})
    finished = world.run_here("quantize_items")
    assert finished.code == 0, finished.said
    assert "must have 384 values, got 385 values" in finished.said
    world.check("quantize_items")


def test_a_vacuumed_change_feed_is_replaced_by_another_way(world: World) -> None:
    current = _data_files(world, "items")
    for file in Path(world.table("items")).rglob("*.parquet"):  # VACUUM does so, a minute slower
        if file not in current and "_delta_log" not in file.parts:
            file.unlink()
    finished = world.run_here("quantize_items")
    assert finished.code == 0, finished.said
    world.check("quantize_items")


@pytest.mark.parametrize("job", ["quantize_items", "build_sequences"])
def test_a_clock_that_went_back_an_hour_changes_nothing(world: World, job: str) -> None:
    for log in (world.folder / "tables").rglob("_delta_log/*.json"):
        _stamp_an_hour_later(log)
    finished = world.run_here(job)
    assert finished.code == 0, finished.said
    world.check(job)


def _stamp_an_hour_later(log: Path) -> None:
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    for line in lines:
        if "commitInfo" in line:
            line["commitInfo"]["timestamp"] += HOUR_MS
    log.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    log.with_name(f".{log.name}.crc").unlink(missing_ok=True)
    seconds = log.stat().st_mtime + HOUR_MS / 1000
    os.utime(log, (seconds, seconds))
