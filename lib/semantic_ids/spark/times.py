"""Moments as people read them."""

import datetime

__all__ = ["utc_text"]


def utc_text() -> str:
    """Write this moment in UTC and to the second: 2011-12-09 12:50:00."""
    return f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M:%S}"
