"""Requests of every face, and where their adjustments and refusals say that something stands."""

from __future__ import annotations

import re
from collections.abc import Sequence
from copy import deepcopy
from typing import Any, Final

from providers.spec.adjustments import Report
from providers.spec.dialect import EncodedRequest
from providers.spec.errors import RouterError
from providers.spec.state import without_state
from providers.upstreams.base import PreparedCall, ProviderRow
from providers.upstreams.catalog import builtin_profiles
from router.faces.chat import CHAT
from router.faces.gemini import GEMINI
from router.faces.messages import MESSAGES
from router.faces.responses import RESPONSES
from router.faces.serving import Face, asked_of
from router.plan import planned
from router.routing import Route

FACES: Final[dict[str, Face]] = {"chat": CHAT, "messages": MESSAGES, "responses": RESPONSES, "gemini": GEMINI}

TARGETS: Final = {
    "openai": ("openai-chat", "gpt-4.1"),
    "mistral": ("openai-chat", "mistral-large-latest"),
    "anthropic": ("anthropic-messages", "claude-sonnet-4-5"),
    "google": ("google-generate-content", "gemini-3-pro-preview"),
    "responses": ("openai-responses", "gpt-5.4"),
}
"""Dialect and model, by provider."""


class _Kept:
    """An upstream that nothing is sent to."""

    def prepare(self, encoded: EncodedRequest, *, stream: bool) -> PreparedCall:
        return PreparedCall(method="POST", url="http://x", headers={}, body=encoded.content or b"{}", stream=stream)


class Told:
    """What a plan says of one request: the places of its adjustments, or that of its refusal."""

    def __init__(
        self, face: str, body: dict[str, Any], provider: str, *, stripped: bool = False, **options: str
    ) -> None:
        self.body = body
        self.report: Report | None = None
        self.error: RouterError | None = None
        dialect, model = TARGETS[provider]
        profile = builtin_profiles().get(provider, builtin_profiles()["openai"])
        row = ProviderRow(name=provider, dialect=dialect, base_url="http://x", profile=profile)
        taken = deepcopy(body)
        if options:
            taken["router"] = dict(options)
        try:
            asked = asked_of(FACES[face], taken, None, {}, model=f"{provider}/{model}")
            if stripped:
                asked = asked.saying(without_state(asked.request), raw=None)
            self.report = planned(asked, Route(row, model, "s"), _Kept(), stream=False).report  # type: ignore[arg-type]
        except RouterError as error:
            self.error = error

    @property
    def places(self) -> list[str]:
        """Every place that was told."""
        if self.report is not None:
            return [adjustment.path for adjustment in self.report.adjustments]
        return [self.error.path] if self.error is not None and self.error.path else []


def lost(body: Any, path: str) -> str | None:
    """Why a path cannot be followed into a body; ``None`` where it can, or where what is absent has a place there."""
    value = body
    at = ""
    for key, index in re.findall(r"\.?([^.\[\]]+)|\[(\d+)\]", path):
        if index:
            if not isinstance(value, list):
                return f"{at or 'the body'} is no array"
            if int(index) >= len(value):
                return f"{at} has no item {index}"
            at, value = f"{at}[{index}]", value[int(index)]
            continue
        if not isinstance(value, dict):
            return f"{at} is no object"
        at = f"{at}.{key}" if at else key
        if key not in value:
            return None if _may_be_absent(path) else f"{at} is not there"
        value = value[key]
    return None


_HISTORY: Final = re.compile(r"(messages|input|contents|tools|functions|system\[|instructions)(?:[.\[]|_instruction|$)")


def _may_be_absent(path: str) -> bool:
    """A setting that nobody made has its place all the same; of a history nothing is told that is not in it."""
    return _HISTORY.match(path) is None


def value_at(body: Any, path: str) -> Any:
    """What stands there; ``None`` where nothing does."""
    value = body
    for key, index in re.findall(r"\.?([^.\[\]]+)|\[(\d+)\]", path):
        known = isinstance(value, list) if index else isinstance(value, dict) and key in value
        if not known:
            return None
        value = value[int(index)] if index else value[key]
    return value


def wrong(told: Told) -> Sequence[str]:
    """What is wrong with the places that were told."""
    found = []
    for place in told.places:
        if place.startswith(("headers.", "response")):
            continue
        reason = lost(told.body, place)
        if reason is not None:
            found.append(f"{place}: {reason}")
    for adjustment in told.report.adjustments if told.report is not None else ():
        # Names and ids are told with what they were.
        if re.search(r"\.(name|id|call_id|tool_call_id|tool_use_id)$", adjustment.path) and adjustment.from_:
            value = value_at(told.body, adjustment.path)
            if value is not None and value != adjustment.from_ and ".router." not in str(value):
                found.append(f"{adjustment.path}: told of {adjustment.from_!r}, and there is {value!r}")
    if told.error is not None and told.error.path and told.error.path not in told.error.message:
        found.append(f"{told.error.path}: not in {told.error.message!r}")
    return found
