"""A tool that tells the time."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import TypedDict
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from loop_client.errors import ToolError


class CurrentTime(TypedDict):
    """What ``current_time`` gives."""

    time: str
    """ISO 8601 with the offset, to the second."""
    weekday: str
    timezone: str
    unix: int
    """Whole seconds since 1970 in UTC."""


def current_time(timezone: str = "local") -> CurrentTime:
    """Tell the current date, time and weekday.

    Args:
        timezone: An IANA name such as "Europe/Paris", "UTC", or "local" for the zone of the computer this runs on.
    """
    now = datetime.now().astimezone() if timezone == "local" else datetime.now(_zone(timezone))
    return {
        "time": now.isoformat(timespec="seconds"),
        "weekday": now.strftime("%A"),
        "timezone": now.tzname() or timezone if timezone == "local" else timezone,
        "unix": int(now.timestamp()),
    }


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        # A folder of the zone database, or a path out of it, is an OSError or a ValueError.
        raise ToolError("there is no time zone of that name; use an IANA name such as Europe/Paris") from None
