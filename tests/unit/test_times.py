"""Moments as people read them."""

import datetime
import time

from semantic_ids.spark.times import utc_text


def test_this_moment_is_written_in_utc_wherever_the_machine_stands(monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        now = datetime.datetime.strptime(utc_text(), "%Y-%m-%d %H:%M:%S")
        assert abs(now.replace(tzinfo=datetime.UTC).timestamp() - time.time()) < 5
    finally:
        monkeypatch.undo()
        time.tzset()
