"""``POST /v1/chat/completions``: the OpenAI chat face."""

import re
import time

from providers.dialects import DIALECTS
from providers.spec.values import JsonObject
from providers.wire.json import dumps
from providers.wire.sse import encode_event
from router.faces.relay import Relay
from router.faces.serving import Face

_DONE_LINE = re.compile(rb"^data: ?\[DONE\]", re.MULTILINE)


class ChatRelay(Relay):
    """Holds the terminator back, so that what the router has to say of the answer comes before it."""

    def __init__(self) -> None:
        super().__init__()
        self._terminator = b""

    def feed(self, raw: bytes) -> bytes:
        """Whole events; from the terminator on they wait."""
        passed = super().feed(raw)
        found = _DONE_LINE.search(passed)
        if found is None:
            return passed
        self._terminator += passed[found.start() :]
        return passed[: found.start()]

    def close(self, said: JsonObject) -> bytes:
        """The router's event where it has verdicts or adjustments to tell, then the terminator."""
        told = b""
        if said.get("calls") or said.get("adjustments"):
            # With an empty delta, for clients that look into the first choice of every chunk.
            chunk: JsonObject = {
                "id": self.response_id,
                "object": "chat.completion.chunk",
                "created": int(time.time()),
                "model": said.get("model"),
                "choices": [{"index": 0, "delta": {}, "finish_reason": None}],
                "router": said,
            }
            told = encode_event(dumps(chunk))
        terminator, self._terminator = self._terminator, b""
        return told + terminator + super().close(said)


CHAT = Face(dialect=DIALECTS["openai-chat"], id_prefix="chatcmpl-", headers=("openai-beta",), relay=ChatRelay)
