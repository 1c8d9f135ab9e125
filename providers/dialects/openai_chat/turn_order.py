"""Turns that a host wants between others, where the conversation has none."""

from typing import Final

from providers.spec.adjustments import Report
from providers.spec.profile import Profile
from providers.spec.values import Json

_BRIDGE: Final = "OK."
"""As little as a turn can say: an empty one is refused as well."""


def bridged(messages: list[Json], profile: Profile, report: Report) -> list[Json]:
    """The messages with a short turn of the assistant's between a result and a user, where one is wanted (HIST-18)."""
    if profile.user_after_tool:
        return messages
    written: list[Json] = []
    for message in messages:
        if written and _role(message) == "user" and _role(written[-1]) == "tool":
            report.add(
                "messages", "mapped", "this host wants the assistant to speak between a result and the user", to=_BRIDGE
            )
            written.append({"role": "assistant", "content": _BRIDGE})
        written.append(message)
    return written


def _role(message: Json) -> Json:
    return message.get("role") if isinstance(message, dict) else None
