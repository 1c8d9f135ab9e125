"""A strict stand-in for ``POST /v1/responses`` of OpenAI. It stores nothing, whatever it is asked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request

from tests.fakes.openai_responses_hosts import OPENAI, Host
from tests.fakes.openai_responses_items import kind_of
from tests.fakes.openai_responses_rules import check_responses
from tests.fakes.openai_responses_writer import Writer
from tests.fakes.refusal import Refusal
from tests.fakes.scenario import WEATHER, Ask, History, Scenario, output_text, reply_to
from tests.fakes.server import Answer, FakeProvider, Received, json_answer

Body = dict[str, Any]

_ERROR_TEXTS = {
    429: "Rate limit reached for requests. Limit: 3 / min. Please try again in 20s.",
    500: "The server had an error while processing your request. Sorry about that!",
    503: "The engine is currently overloaded, please try again later.",
}
_ERROR_KINDS = {429: "requests", 500: "server_error", 503: "server_error"}

_HEADERS = {"x-request-id": "req_fake_openai", "openai-version": "2020-10-01"}


class OpenAIResponses(FakeProvider):
    """OpenAI Responses.

    Args:
        scenario: what it answers.
        host: whose rules it keeps.
        key: the only API key it takes.
        verify: whether reasoning that is sent back has to be its own.
    """

    paths = ("/v1/responses", "/responses", "/openai/v1/responses")

    def __init__(
        self, scenario: Scenario = WEATHER, *, host: Host = OPENAI, key: str = "test-key", verify: bool = True
    ):
        super().__init__()
        self.scenario = scenario
        self.host = host
        self.key = key
        self.verify = verify

    def answer(self, received: Received, request: Request) -> Answer:
        """Judge the request and play the scenario's turn."""
        body = check_responses(received.json, self.host, verify=self.verify)
        writer = Writer(body, reply_to(self.scenario, _ask(body, self.host)))
        if not body.get("stream"):
            return json_answer(writer.plain(), headers=_HEADERS)
        return Answer(
            events=tuple(map(_event, writer.events())),
            headers=_HEADERS,
            media_type="text/event-stream; charset=utf-8",
        )

    def check_headers(self, headers: Mapping[str, str]) -> None:
        """The key, as a bearer token or in Azure's header."""
        if self.key in (headers.get("authorization", "").removeprefix("Bearer "), headers.get("api-key")):
            return
        text = "Incorrect API key provided: ****. You can find your API key at https://platform.openai.com/account/api-keys."
        raise Refusal(text, status=401, code="invalid_api_key")

    def error(self, refusal: Refusal) -> Answer:
        """OpenAI's error body."""
        return json_answer({"error": _error(refusal)}, status=refusal.status, headers=_HEADERS)

    def failure_text(self, status: int) -> Refusal:
        """OpenAI's usual words for a status."""
        code = "rate_limit_exceeded" if status == 429 else None
        return Refusal(_ERROR_TEXTS.get(status, "Error."), status=status, code=code)

    def error_event(self) -> bytes:
        """The event OpenAI sends when it fails in the middle."""
        return _event({"type": "error", "sequence_number": 99, "error": _error(self.failure_text(500))})


def _error(refusal: Refusal) -> Body:
    kind = refusal.kind or _ERROR_KINDS.get(refusal.status, "invalid_request_error")
    return {"message": refusal.message, "type": kind, "param": refusal.param, "code": refusal.code}


def _event(value: Body) -> bytes:
    data = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
    kind: str = value["type"]
    return b"event: " + kind.encode() + b"\ndata: " + data + b"\n\n"


# --- reading the request


def _ask(body: Body, host: Host) -> Ask:
    offered = [tool for tool in body.get("tools") or [] if tool["type"] in ("function", "custom")]
    tools = tuple(tool["name"] for tool in offered)
    choice, forced, required = body.get("tool_choice"), None, False
    if choice == "none":
        tools = ()
    elif choice == "required":
        required = True
    elif isinstance(choice, dict) and choice["type"] in ("function", "custom"):
        forced = choice["name"]
    elif isinstance(choice, dict) and choice["type"] == "allowed_tools":
        tools = tuple(tool["name"] for tool in choice["tools"] if "name" in tool)
        required = choice["mode"] == "required"
    return Ask(
        rounds=_rounds(body.get("input")),
        tools=tools,
        forced=forced,
        required=required and bool(tools),
        parallel=body.get("parallel_tool_calls") is not False,
        thinking=_thinks(body, host),
    )


def _thinks(body: Body, host: Host) -> bool:
    off = (body.get("reasoning") or {}).get("effort") == "none"
    return bool(host.reasoning_models) and body["model"].startswith(host.reasoning_models) and not off


def _rounds(items: object) -> list[list[Any]]:
    """Calls in a row with their outputs; a call after an output begins the next round."""
    history = History()
    calls: list[tuple[str, str, object]] = []
    outputs: dict[str, str] = {}
    for item in items if isinstance(items, list) else []:
        kind = kind_of(item)
        if kind in ("function_call", "custom_tool_call"):
            if outputs:
                history.add(calls, outputs)
                calls, outputs = [], {}
            calls.append((item["call_id"], item["name"], _value(item.get("arguments", item.get("input")))))
        elif kind in ("function_call_output", "custom_tool_call_output"):
            outputs[item["call_id"]] = output_text(_text(item["output"]))
    history.add(calls, outputs)
    return history.rounds


def _value(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _text(output: str | list[Body]) -> str:
    return output if isinstance(output, str) else "".join(part.get("text", "") for part in output)
