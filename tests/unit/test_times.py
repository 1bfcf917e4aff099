"""Moments as people read them."""

import datetime
import time

from semantic_ids.spark.times import utc_text


def test_a_moment_is_written_in_utc_wherever_the_machine_stands(monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        noon = datetime.datetime(2011, 12, 9, 12, 50, 0, 999_999)
        assert utc_text(noon.replace(tzinfo=datetime.UTC)) == "2011-12-09 12:50:00"
        assert utc_text(noon) == "2011-12-09 07:20:00"
        now = datetime.datetime.strptime(utc_text(), "%Y-%m-%d %H:%M:%S")
        assert abs(now.replace(tzinfo=datetime.UTC).timestamp() - time.time()) < 5
    finally:
        monkeypatch.undo()
        time.tzset()
