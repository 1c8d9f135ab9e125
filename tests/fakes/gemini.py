"""A strict stand-in for ``:generateContent`` and ``:streamGenerateContent`` of the Gemini API."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from starlette.requests import Request

from tests.fakes.gemini_rules import check_generate, needs_signatures
from tests.fakes.gemini_shapes import GenerateRequest
from tests.fakes.gemini_turns import SECRET, signed_text, turns_of
from tests.fakes.refusal import Refusal
from tests.fakes.scenario import (
    WEATHER,
    Ask,
    History,
    MadeCall,
    Reply,
    Scenario,
    call_id,
    canonical,
    output_text,
    pieces,
    reply_to,
)
from tests.fakes.server import Answer, FakeProvider, Received, json_answer
from tests.fakes.signatures import sign

Body = dict[str, Any]

_STATUS_NAMES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}
_ERROR_TEXTS = {
    429: "You exceeded your current quota, please check your plan and billing details.",
    500: "An internal error has occurred. Please retry or report in https://developers.generativeai.google/guide/troubleshooting",
    503: "The model is overloaded. Please try again later.",
}
_OUTPUT_KEYS = ("output", "result", "error", "content", "return_value")


class Gemini(FakeProvider):
    """The Gemini API.

    Args:
        scenario: what it answers.
        key: the only API key it takes, in ``x-goog-api-key``.
        verify_signatures: False where thought signatures come from the real provider.
    """

    paths: tuple[str, ...] = ("/v1beta/models/{call:path}", "/v1/models/{call:path}")
    mixed_flag = True
    """Functions beside the server's own tools want a flag here."""

    def __init__(self, scenario: Scenario = WEATHER, *, key: str = "test-key", verify_signatures: bool = True):
        super().__init__()
        self.scenario = scenario
        self.key = key
        self.verify_signatures = verify_signatures

    def answer(self, received: Received, request: Request) -> Answer:
        """Judge the request and play the scenario's turn."""
        model, _, method = request.path_params["call"].rpartition(":")
        if method not in ("generateContent", "streamGenerateContent"):
            raise Refusal(f"Method not found: {method}", status=404)
        checked = check_generate(
            received.json, model, verify_signatures=self.verify_signatures, mixed_flag=self.mixed_flag
        )
        writer = _Writer(model, reply_to(self.scenario, _ask(checked, model)))
        if method == "generateContent":
            return json_answer(writer.plain())
        return writer.streamed(sse=request.query_params.get("alt") == "sse")

    def check_headers(self, headers: Mapping[str, str]) -> None:
        """The key."""
        given = headers.get("x-goog-api-key")
        if given is None:
            text = "Method doesn't allow unregistered callers (callers without established identity)."
            raise Refusal(
                f"{text} Please use API Key or other form of API consumer identity to call this API.", status=403
            )
        if given != self.key:
            raise Refusal("API key not valid. Please pass a valid API key.", code="API_KEY_INVALID")

    def error(self, refusal: Refusal) -> Answer:
        """Google's error body."""
        return json_answer(_error(refusal), status=refusal.status)

    def failure_text(self, status: int) -> Refusal:
        """Google's usual words for a status."""
        return Refusal(_ERROR_TEXTS.get(status, "Error."), status=status)

    def error_event(self) -> bytes:
        """The event Google sends when it fails in the middle."""
        return _event(_error(self.failure_text(503)))


def _error(refusal: Refusal) -> Body:
    error: Body = {
        "code": refusal.status,
        "message": refusal.message,
        "status": _STATUS_NAMES.get(refusal.status, "UNKNOWN"),
    }
    if refusal.code:
        kind = "type.googleapis.com/google.rpc.ErrorInfo"
        error["details"] = [{"@type": kind, "reason": refusal.code, "domain": "googleapis.com"}]
    elif refusal.status == 429:
        error["details"] = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "20s"}]
    return {"error": error}


def _event(value: Body) -> bytes:
    return b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\r\n\r\n"


# --- reading the request


def _ask(request: GenerateRequest, model: str) -> Ask:
    declared = [item for tool in request.tools or [] for item in tool.function_declarations or []]
    tools = tuple(item.name for item in declared)
    config = request.tool_config.function_calling_config if request.tool_config else None
    mode = config.mode if config else None
    allowed = tuple(config.allowed_function_names or ()) if config else ()
    if mode == "NONE":
        tools = ()
    return Ask(
        rounds=_rounds(request),
        tools=allowed or tools,
        forced=allowed[0] if mode == "ANY" and len(allowed) == 1 else None,
        required=mode == "ANY",
        thinking=_shows_thoughts(request),
    )


def _shows_thoughts(request: GenerateRequest) -> bool:
    config = request.generation_config.thinking_config if request.generation_config else None
    return bool(config and config.include_thoughts)


def _rounds(request: GenerateRequest) -> list[list[Any]]:
    """Responses are joined with their calls by id where they have one, else by their order among equal names."""
    history = History()
    turns = turns_of(request.contents or [])
    for asking, answering in pairwise(turns):
        outputs: dict[str, str] = {}
        left = [(f"{index}", call) for index, call in enumerate(asking.calls)]
        for response in answering.responses:
            match = next((item for item in left if response.id and item[1].id == response.id), None)
            match = match or next((item for item in left if item[1].name == response.name), None)
            if match is not None:
                left.remove(match)
                outputs[match[0]] = _output(response.response or {})
        calls = [(f"{index}", call.name or "", call.args or {}) for index, call in enumerate(asking.calls)]
        history.add(calls, outputs)
    return history.rounds


def _output(response: Body) -> str:
    """The one value under a key with a meaning, or the whole object."""
    if len(response) == 1 and next(iter(response)) in _OUTPUT_KEYS:
        value = next(iter(response.values()))
        return output_text(value) if isinstance(value, str) else canonical(value)
    return canonical(response)


# --- writing the answer


class _Writer:
    """Puts one reply into the dialect, plain or streamed."""

    def __init__(self, model: str, reply: Reply):
        self._model = model
        self._reply = reply
        self._signs = needs_signatures(model)

    def plain(self) -> Body:
        parts = [*self._thoughts(self._reply.thinking), *self._texts(self._reply.text), *self._calls()]
        if self._signs and not self._reply.calls and parts:
            parts[-1]["thoughtSignature"] = sign(SECRET, signed_text(None))
        return self._chunk(parts, finished=True)

    def streamed(self, *, sse: bool) -> Answer:
        chunks = self._chunks()
        if sse:
            return Answer(events=tuple(map(_event, chunks)), media_type="text/event-stream")
        texts = [json.dumps(chunk, ensure_ascii=False).encode() for chunk in chunks]
        return Answer(events=(*((b"," if index else b"[") + text for index, text in enumerate(texts)), b"]"))

    def _chunks(self) -> list[Body]:
        """Small pieces of thought and text, each call whole in a chunk of its own, the reason in the last one."""
        parts = [part for piece in pieces(self._reply.thinking) for part in self._thoughts(piece)]
        parts += [part for piece in pieces(self._reply.text) for part in self._texts(piece)]
        parts += self._calls()
        last: Body = {"text": ""}
        if self._signs and not self._reply.calls:
            last["thoughtSignature"] = sign(SECRET, signed_text(None))
        return [*(self._chunk([part], finished=False) for part in parts), self._chunk([last], finished=True)]

    def _chunk(self, parts: list[Body], *, finished: bool) -> Body:
        candidate: Body = {"content": {"parts": parts, "role": "model"}, "index": 0}
        if finished:
            candidate["finishReason"] = "MAX_TOKENS" if self._reply.finish == "length" else "STOP"
        head = {"candidates": [candidate], "usageMetadata": self._usage()}
        return {**head, "modelVersion": self._model, "responseId": "fake-response"}

    def _thoughts(self, text: str) -> list[Body]:
        return [{"text": text, "thought": True}] if text else []

    def _texts(self, text: str) -> list[Body]:
        return [{"text": text}] if text else []

    def _calls(self) -> list[Body]:
        """Whole calls only: one that the limit cut does not appear. The first of a reply carries the signature."""
        calls = self._reply.calls[:-1] if self._reply.finish == "length" else self._reply.calls
        parts: list[Body] = [{"functionCall": self._call(call)} for call in calls]
        if parts and self._signs:
            content = f"{calls[0].name}({canonical(calls[0].arguments)})"
            parts[0] = {**parts[0], "thoughtSignature": sign(SECRET, content)}
        return parts

    def _call(self, call: MadeCall) -> Body:
        made: Body = {"name": call.name, "args": call.arguments}
        if not call.arguments:
            del made["args"]
        if self._signs:
            made["id"] = call_id("gemini", call, prefix="", length=8)
        return made

    def _usage(self) -> Body:
        usage = self._reply.usage
        counted: Body = {
            "promptTokenCount": usage.input,
            "candidatesTokenCount": usage.output,
            "totalTokenCount": usage.input + usage.output + usage.thinking,
            "cachedContentTokenCount": usage.cached,
        }
        return {**counted, "thoughtsTokenCount": usage.thinking} if usage.thinking else counted
