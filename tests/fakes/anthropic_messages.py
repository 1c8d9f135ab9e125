"""A strict stand-in for ``POST /v1/messages`` of Anthropic."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from starlette.requests import Request

from tests.fakes.anthropic_rules import VERSIONS, check_messages
from tests.fakes.anthropic_turns import SECRET, merged
from tests.fakes.refusal import Refusal
from tests.fakes.scenario import (
    WEATHER,
    Ask,
    History,
    MadeCall,
    Reply,
    Scenario,
    call_id,
    output_text,
    pieces,
    reply_to,
)
from tests.fakes.server import Answer, FakeProvider, Received, json_answer
from tests.fakes.signatures import sign

Body = dict[str, Any]

_ERROR_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    529: "overloaded_error",
}
_ERROR_TEXTS = {
    429: "This request would exceed your organization's rate limit of 50 requests per minute.",
    500: "Internal server error",
    529: "Overloaded",
}
_HEADERS = {"request-id": "req_fake_anthropic"}


class AnthropicMessages(FakeProvider):
    """Anthropic Messages.

    Args:
        scenario: what it answers.
        key: the only API key it takes, in ``x-api-key`` or as a bearer token.
        verify_signatures: False where thinking signatures come from the real provider.
    """

    paths: tuple[str, ...] = ("/v1/messages", "/v1/messages/count_tokens")

    def __init__(self, scenario: Scenario = WEATHER, *, key: str = "test-key", verify_signatures: bool = True):
        super().__init__()
        self.scenario = scenario
        self.key = key
        self.verify_signatures = verify_signatures

    def answer(self, received: Received, request: Request) -> Answer:
        """Judge the request and play the scenario's turn."""
        version = received.headers["anthropic-version"]
        if received.path.endswith("/count_tokens"):
            return self.counted(received.json, version)
        return self.played(check_messages(received.json, version=version, verify_signatures=self.verify_signatures))

    def played(self, body: Body) -> Answer:
        """The scenario's turn for a request that was found good."""
        writer = _Writer(body, reply_to(self.scenario, _ask(body)))
        return writer.streamed() if body.get("stream") else json_answer(writer.plain(), headers=_HEADERS)

    def counted(self, body: object, version: str) -> Answer:
        """Four letters a token. It takes nothing that is about the answer."""
        for name in ("max_tokens", "stream", "temperature", "top_p", "top_k", "stop_sequences", "metadata"):
            if isinstance(body, dict) and name in body:
                raise Refusal(f"{name}: Extra inputs are not permitted")
        judged = check_messages(
            {**body, "max_tokens": 64000} if isinstance(body, dict) else body,
            version=version,
            verify_signatures=self.verify_signatures,
        )
        del judged["max_tokens"]
        return json_answer({"input_tokens": len(json.dumps(judged)) // 4}, headers=_HEADERS)

    def check_headers(self, headers: Mapping[str, str]) -> None:
        """The key, and the version."""
        given = headers.get("x-api-key") or headers.get("authorization", "").removeprefix("Bearer ")
        if given != self.key:
            raise Refusal("invalid x-api-key", status=401)
        if "anthropic-version" not in headers:
            raise Refusal("anthropic-version: header is required")
        if headers["anthropic-version"] not in VERSIONS:
            raise Refusal(f'anthropic-version: "{headers["anthropic-version"]}" is not a valid version')

    def error(self, refusal: Refusal) -> Answer:
        """Anthropic's error body."""
        return json_answer(_error(refusal), status=refusal.status, headers=_HEADERS)

    def failure_text(self, status: int) -> Refusal:
        """Anthropic's usual words for a status."""
        return Refusal(_ERROR_TEXTS.get(status, "Error"), status=status)

    def error_event(self) -> bytes:
        """The event Anthropic sends when it fails in the middle; no message_stop follows."""
        return _event(_error(self.failure_text(529)))


def _error(refusal: Refusal) -> Body:
    kind = refusal.kind or _ERROR_KINDS.get(refusal.status, "api_error")
    return {
        "type": "error",
        "error": {"type": kind, "message": refusal.message},
        "request_id": _HEADERS["request-id"],
    }


def _event(value: Body) -> bytes:
    data = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return f"event: {value['type']}\ndata: {data}\n\n".encode()


# --- reading the request


def _ask(body: Body) -> Ask:
    tools = tuple(tool["name"] for tool in body.get("tools") or [] if "input_schema" in tool)
    choice = body.get("tool_choice") or {"type": "auto"}
    if choice["type"] == "none":
        tools = ()
    return Ask(
        rounds=_rounds(body["messages"]),
        tools=tools,
        forced=choice["name"] if choice["type"] == "tool" else None,
        required=choice["type"] == "any" and bool(tools),
        parallel=not choice.get("disable_parallel_tool_use"),
        thinking=(body.get("thinking") or {}).get("type") in ("enabled", "adaptive"),
    )


def _rounds(messages: list[Body]) -> list[list[Any]]:
    history = History()
    turns = merged(messages)
    for (_, _, blocks), (_, _, results) in pairwise(turns):
        calls = [(block["id"], block["name"], block["input"]) for block in blocks if block["type"] == "tool_use"]
        outputs = {
            block["tool_use_id"]: output_text(_text(block.get("content")))
            for block in results
            if block["type"] == "tool_result"
        }
        history.add(calls, outputs)
    return history.rounds


def _text(content: str | list[Body] | None) -> str:
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content or [])


# --- writing the answer


class _Writer:
    """Puts one reply into the dialect, plain or streamed."""

    def __init__(self, body: Body, reply: Reply):
        self._body = body
        self._reply = reply
        self._hidden = (body.get("thinking") or {}).get("display") == "omitted"

    def plain(self) -> Body:
        message = self._message(self._blocks(), self._stop_reason())
        return {**message, "usage": self._usage(self._output_tokens())}

    def streamed(self) -> Answer:
        events = [_event(event) for event in self._events()]
        return Answer(events=tuple(events), headers=_HEADERS, media_type="text/event-stream; charset=utf-8")

    def _message(self, content: list[Body], stop_reason: str | None) -> Body:
        head = {"model": self._body["model"], "id": "msg_fake", "type": "message", "role": "assistant"}
        return {**head, "content": content, "stop_reason": stop_reason, "stop_sequence": None}

    def _blocks(self) -> list[Body]:
        blocks: list[Body] = []
        if self._reply.thinking:
            shown = "" if self._hidden else self._reply.thinking
            blocks.append({"type": "thinking", "thinking": shown, "signature": sign(SECRET, self._reply.thinking)})
        if self._reply.text:
            blocks.append({"type": "text", "text": self._reply.text})
        for call in self._reply.calls:
            arguments = {} if self._is_cut(call) else call.arguments
            blocks.append({"type": "tool_use", "id": _id(call), "name": call.name, "input": arguments})
        return blocks

    def _is_cut(self, call: MadeCall) -> bool:
        return self._reply.finish == "length" and call is self._reply.calls[-1]

    def _events(self) -> list[Body]:
        start = {**self._message([], None), "usage": self._usage(1)}
        events: list[Body] = [{"type": "message_start", "message": start}]
        for index, block in enumerate(self._blocks()):
            events.append({"type": "content_block_start", "index": index, "content_block": _opened(block)})
            if index == 0:
                events.append({"type": "ping"})
            deltas = self._deltas(block)
            events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
            events.append({"type": "content_block_stop", "index": index})
        ending = {"stop_reason": self._stop_reason(), "stop_sequence": None}
        events.append({"type": "message_delta", "delta": ending, "usage": self._usage(self._output_tokens())})
        events.append({"type": "message_stop"})
        return events

    def _deltas(self, block: Body) -> list[Body]:
        if block["type"] == "text":
            return [{"type": "text_delta", "text": piece} for piece in pieces(block["text"])]
        if block["type"] == "thinking":
            deltas = [{"type": "thinking_delta", "thinking": piece} for piece in pieces(block["thinking"])]
            return [*deltas, {"type": "signature_delta", "signature": block["signature"]}]
        written = ["", *pieces(self._written(block))]
        return [{"type": "input_json_delta", "partial_json": piece} for piece in written]

    def _written(self, block: Body) -> str:
        """The arguments as the model wrote them; nothing at all where there are none, half where it was cut."""
        call = next(call for call in self._reply.calls if _id(call) == block["id"])
        if not call.arguments:
            return ""
        text = json.dumps(call.arguments, ensure_ascii=False)
        return text[: len(text) // 2] if self._is_cut(call) else text

    def _stop_reason(self) -> str:
        if self._reply.finish == "length":
            return "max_tokens"
        return "tool_use" if self._reply.calls else "end_turn"

    def _output_tokens(self) -> int:
        return self._reply.usage.output + self._reply.usage.thinking

    def _usage(self, output: int) -> Body:
        usage = self._reply.usage
        return {
            "input_tokens": usage.input - usage.cached,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": usage.cached,
            "output_tokens": output,
        }


def _id(call: MadeCall) -> str:
    return call_id("anthropic", call, prefix="toolu_01", length=22)


def _opened(block: Body) -> Body:
    empty: Body = {"text": "", "thinking": "", "signature": "", "input": {}}
    return {key: empty.get(key, value) for key, value in block.items()}
