"""``POST /v1/messages``: the Anthropic Messages face."""

import re

from providers.dialects import DIALECTS
from providers.spec.errors import InvalidRequestError, RouterError
from providers.spec.values import JsonObject
from router.faces.relay import Relay
from router.faces.serving import Face

_THREAD_UNKNOWN: JsonObject = {"error": {"details": {"error_code": "thread_not_found"}}}
"""Anthropic's own word, on which its clients send the whole history (``lib/threads`` of its Python client)."""


def _check_thread(body: JsonObject) -> RouterError | None:
    """A thread lives at Anthropic: no other provider can go on with one. To begin one is no more than a wish."""
    thread = body.get("thread")
    if not isinstance(thread, dict) or thread.get("type") != "continue":
        return None
    message = "thread: only Anthropic keeps threads, and this router none: send the whole history"
    return InvalidRequestError(message, status=404, type="not_found_error", path="thread", raw=_THREAD_UNKNOWN)


class MessagesRelay(Relay):
    """Ends with ``message_stop``."""

    ends = re.compile(rb'"type"\s*:\s*"message_stop"')


MESSAGES = Face(
    dialect=DIALECTS["anthropic-messages"],
    id_prefix="msg_",
    objects=True,
    headers=("anthropic-beta", "anthropic-version"),
    relay=MessagesRelay,
    check=_check_thread,
)
