"""The daily DAG: seven runs, one of them killed half way, and a back-fill of the same days."""

import datetime
import os
import signal
from pathlib import Path

import pytest
from shop_in_airflow import DEADLINE_S, QUICK
from submit import until

pytestmark = [pytest.mark.spark, pytest.mark.airflow]

HISTORY = datetime.date(2011, 11, 29)
DAYS = [HISTORY + datetime.timedelta(days=n) for n in range(1, 8)]  # the fifth is a Sunday


@pytest.fixture(scope="module")
def open_shop(shop):
    """The shop with a released codebook and its history packed, twice: tables a and b."""
    shop.deliver(None, HISTORY)
    for tables in ("a", "b"):
        shop.configure(tables, **QUICK)
    released = shop.release(first=True, require="watch")
    assert released.code == 0, released.said
    shop.submit("quantize_items", tables="b")
    for tables in ("a", "b"):
        shop.submit("build_sequences", tables=tables)
    return shop


def killed_while_it_packs(shop, day):
    """Run a day whose build_sequences is killed, JVM and all, when its files begin to appear."""
    stood = set(files_of(shop))
    words = ("dags", "test", "semantic_ids_daily", str(day))
    with shop.started(*words, tables="a") as process:
        until(lambda: set(files_of(shop)) - stood, process, DEADLINE_S)
        killed = groups_of("build_sequences", str(shop.folder))
        for group in killed:
            os.killpg(group, signal.SIGKILL)
        said, _ = process.communicate(timeout=DEADLINE_S)
    assert len(killed) == 1
    return process.returncode, said


def files_of(shop):
    return (shop.folder / "a" / "sequences").glob("ds=*/bucket=*/*.parquet")


def groups_of(*words):
    """Find the process groups whose commands hold all these words: spark-submit's own."""
    groups = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if "jobs/" in command and all(word in command for word in words):
                groups.add(os.getpgid(int(path.parent.name)))
        except OSError:  # it ended meanwhile
            continue
    return groups


def segments(shop, tables):
    rows = shop.rows(f"{tables}/sequences")
    names = sorted(rows.column_names)
    order = [(name, "ascending") for name in ("ds", "user_id", "first_ts", "last_ts")]
    return rows.select(names).sort_by(order)


def test_seven_days_and_a_back_fill_of_them_give_the_same_tables(open_shop):
    shop = open_shop
    for day in DAYS:
        shop.deliver(day, day)
        if day == DAYS[1]:
            code, said = killed_while_it_packs(shop, day)
            assert code == 0, said
            assert "return code -9" in said
        else:
            ran = shop.run("dags", "test", "semantic_ids_daily", str(day))
            assert ran.code == 0, ran.said
            assert bool(ran.lines("compact_sequences: ")) == (day.isoweekday() == 7)
    before = shop.updates("semantic_ids_sequences")
    assert shop.back_fill(DAYS[0], DAYS[-1], tables="b") == ["success"] * len(DAYS)
    assert shop.updates("semantic_ids_sequences") - before >= len(DAYS) + 1  # and the compaction

    daily, filled = segments(shop, "a"), segments(shop, "b")
    assert daily.equals(filled)
    assert sum(daily["n_events"].to_pylist()) == shop.rows("events").num_rows
    assert {str(day) for day in daily["ds"].to_pylist()} == {
        "2011-12-04",
        "2011-12-05",
        "2011-12-06",
    }
    keys = [("item_id", "ascending")]
    assert shop.rows("a/item_sids").sort_by(keys).equals(shop.rows("b/item_sids").sort_by(keys))
    pages = shop.folder / "a" / "reports" / "footprint"
    assert {page.name for page in pages.iterdir()} == {str(day) for day in DAYS}
