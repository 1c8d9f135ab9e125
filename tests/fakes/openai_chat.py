"""A strict stand-in for ``POST /v1/chat/completions`` of OpenAI and of hosts that speak its dialect."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request

from tests.fakes.openai_profiles import OPENAI, Profile
from tests.fakes.openai_rules import check_chat
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

Body = dict[str, Any]

_ERROR_KINDS = {
    401: "invalid_request_error",
    403: "invalid_request_error",
    429: "requests",
    500: "server_error",
    503: "server_error",
}
_ERROR_TEXTS = {
    429: "Rate limit reached for requests. Limit: 3 / min. Please try again in 20s.",
    500: "The server had an error while processing your request. Sorry about that!",
    503: "The engine is currently overloaded, please try again later.",
}


class OpenAIChat(FakeProvider):
    """OpenAI chat completions, or a compatible host as its profile says.

    Args:
        scenario: what it answers.
        profile: whose rules it keeps.
        key: the only API key it takes.
    """

    paths = ("/v1/chat/completions", "/chat/completions", "/openai/deployments/{model}/chat/completions")

    def __init__(self, scenario: Scenario = WEATHER, *, profile: Profile = OPENAI, key: str = "test-key"):
        super().__init__()
        self.scenario = scenario
        self.profile = profile
        self.key = key

    def answer(self, received: Received, request: Request) -> Answer:
        """Judge the request and play the scenario's turn."""
        body = check_chat(received.json, self.profile)
        reply = reply_to(self.scenario, _ask(body, self.profile))
        writer = _Writer(body, reply, self.profile)
        return writer.streamed() if body.get("stream") else json_answer(writer.plain(), headers=_HEADERS)

    def check_headers(self, headers: Mapping[str, str]) -> None:
        """The key, as a bearer token or in Azure's header."""
        if self.key in (
            headers.get("authorization", "").removeprefix("Bearer "),
            headers.get("api-key"),
        ):
            return
        text = "Incorrect API key provided: ****. You can find your API key at https://platform.openai.com/account/api-keys."
        raise Refusal(text, status=self.profile.key_refused, code="invalid_api_key")

    def error(self, refusal: Refusal) -> Answer:
        """OpenAI's error body."""
        return json_answer({"error": _error(refusal)}, status=refusal.status, headers=_HEADERS)

    def failure_text(self, status: int) -> Refusal:
        """OpenAI's usual words for a status."""
        code = "rate_limit_exceeded" if status == 429 else None
        return Refusal(_ERROR_TEXTS.get(status, "Error."), status=status, code=code)

    def error_event(self) -> bytes:
        """The chunk OpenAI sends when it fails in the middle."""
        return _event({"error": _error(self.failure_text(500))})


_HEADERS = {"x-request-id": "req_fake_openai", "openai-version": "2020-10-01"}


def _error(refusal: Refusal) -> Body:
    kind = refusal.kind or _ERROR_KINDS.get(refusal.status, "invalid_request_error")
    return {"message": refusal.message, "type": kind, "param": refusal.param, "code": refusal.code}


def _event(value: Body) -> bytes:
    return b"data: " + json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode() + b"\n\n"


# --- reading the request


def _ask(body: Body, profile: Profile) -> Ask:
    tools = tuple(tool["function"]["name"] for tool in body.get("tools") or [] if "function" in tool)
    choice, forced, required = body.get("tool_choice"), None, False
    if choice == "none":
        tools = ()
    elif choice in ("required", "any"):
        required = True
    elif isinstance(choice, dict) and "function" in choice:
        forced = choice["function"]["name"]
    elif isinstance(choice, dict) and "allowed_tools" in choice:
        tools = tuple(tool["function"]["name"] for tool in choice["allowed_tools"]["tools"] if "function" in tool)
        required = choice["allowed_tools"]["mode"] == "required"
    return Ask(
        rounds=_rounds(body["messages"]),
        tools=tools,
        forced=forced,
        required=required and bool(tools),
        parallel=body.get("parallel_tool_calls") is not False,
        thinking=_thinks(body, profile),
    )


def _thinks(body: Body, profile: Profile) -> bool:
    off = isinstance(body.get("thinking"), dict) and body["thinking"].get("type") == "disabled"
    return profile.shows_reasoning and not off


def _rounds(messages: list[Body]) -> list[list[Any]]:
    history = History()
    for index, message in enumerate(messages):
        calls = message.get("tool_calls") or []
        outputs: dict[str, str] = {}
        for result in messages[index + 1 :]:
            if result["role"] != "tool":
                break
            outputs[result["tool_call_id"]] = output_text(_text(result["content"]))
        history.add([_call(call) for call in calls], outputs)
    return history.rounds


def _call(call: Body) -> tuple[str, str, object]:
    named = call.get("function") or call["custom"]
    text = named.get("arguments", named.get("input"))
    try:
        return call["id"], named["name"], json.loads(text)
    except ValueError:
        return call["id"], named["name"], text


def _text(content: str | list[Body]) -> str:
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


# --- writing the answer


class _Writer:
    """Puts one reply into the dialect, plain or streamed."""

    def __init__(self, body: Body, reply: Reply, profile: Profile):
        self._body = body
        self._reply = reply
        self._profile = profile
        self._head = {"id": "chatcmpl-fake", "created": 1_790_000_000, "model": body.get("model", "deployment")}

    def plain(self) -> Body:
        message: Body = {"role": "assistant", "content": self._reply.text or None, "refusal": None, "annotations": []}
        if self._reply.thinking:
            message["reasoning_content"] = self._reply.thinking
        if self._reply.calls:
            message["tool_calls"] = [
                {
                    "id": self._id(call),
                    "type": "function",
                    "function": {"name": call.name, "arguments": self._arguments(call)},
                }
                for call in self._reply.calls
            ]
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self._finish()}
        return {"object": "chat.completion", **self._head, "choices": [choice], "usage": self._usage()}

    def streamed(self) -> Answer:
        events = [*map(_event, self._chunks()), b"data: [DONE]\n\n"]
        return Answer(events=tuple(events), headers=_HEADERS, media_type="text/event-stream; charset=utf-8")

    def _chunks(self) -> list[Body]:
        chunks = [self._chunk(delta) for delta in self._deltas()]
        chunks.append(self._chunk({}, finish=self._finish()))
        if self._wants_usage():
            chunks.append({"object": "chat.completion.chunk", **self._head, "choices": [], "usage": self._usage()})
        return chunks

    def _chunk(self, delta: Body, finish: str | None = None) -> Body:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        chunk: Body = {"object": "chat.completion.chunk", **self._head, "choices": [choice]}
        return {**chunk, "usage": None} if self._wants_usage() else chunk

    def _deltas(self) -> list[Body]:
        """Role first; then thinking, text, and the calls one after the other, each with its index on every delta."""
        start: Body = {"role": "assistant", "content": "" if self._reply.text else None, "refusal": None}
        deltas = [start]
        deltas += [{"reasoning_content": piece} for piece in pieces(self._reply.thinking)]
        deltas += [{"content": piece} for piece in pieces(self._reply.text)]
        for index, call in enumerate(self._reply.calls):
            opened = {"index": index, "id": self._id(call), "type": "function"}
            deltas.append({"tool_calls": [{**opened, "function": {"name": call.name, "arguments": ""}}]})
            for piece in pieces(self._arguments(call)):
                deltas.append({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
        return deltas

    def _id(self, call: MadeCall) -> str:
        nine = self._profile.name == "mistral"
        return call_id("openai", call, prefix="" if nine else "call_", length=9 if nine else 24)

    def _arguments(self, call: MadeCall) -> str:
        text = json.dumps(call.arguments, separators=(",", ":"), ensure_ascii=False)
        cut = self._reply.finish == "length" and call is self._reply.calls[-1]
        return text[: len(text) // 2] if cut else text

    def _finish(self) -> str:
        if self._reply.finish == "length":
            return "length"
        named = isinstance(self._body.get("tool_choice"), dict) and "function" in self._body["tool_choice"]
        # A forced named function ends with ``stop``, as OpenAI's does.
        return "tool_calls" if self._reply.calls and not named else "stop"

    def _wants_usage(self) -> bool:
        return bool((self._body.get("stream_options") or {}).get("include_usage"))

    def _usage(self) -> Body:
        usage = self._reply.usage
        completion = usage.output + usage.thinking
        return {
            "prompt_tokens": usage.input,
            "completion_tokens": completion,
            "total_tokens": usage.input + completion,
            "prompt_tokens_details": {"cached_tokens": usage.cached, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": usage.thinking, "audio_tokens": 0},
        }
