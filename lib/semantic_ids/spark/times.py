"""Moments as people read them."""

import datetime

__all__ = ["utc_text"]


def utc_text(at: datetime.datetime | None = None) -> str:
    """Write a moment, now if none is given, in UTC and to the second: 2011-12-09 12:50:00.

    One without a time zone is in that of this machine, as those that Spark's collect() gives.
    """
    moment = at.astimezone(datetime.UTC) if at else datetime.datetime.now(datetime.UTC)
    return f"{moment:%Y-%m-%d %H:%M:%S}"
