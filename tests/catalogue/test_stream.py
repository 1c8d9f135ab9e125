"""STREAM: what a caller reads while the provider still writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from providers.dialects import DIALECTS
from providers.spec.events import StreamError
from tests.catalogue.support import (
    CHAT,
    MESSAGES,
    RESPONSES,
    chat,
    chunk,
    data_of,
    events_of,
    origin,
    sse,
    user,
    written,
)
from tests.e2e.service import MODELS, client, router_before
from tests.fakes.anthropic_messages import AnthropicMessages
from tests.fakes.openai_chat import OpenAIChat
from tests.fakes.server import CutMidStream, ErrorMidStream

NAMES = ("look", "read", "ask")


def opener(index: int, call_id: str = "", name: str = "", arguments: str = "") -> dict[str, Any]:
    return {
        "index": index,
        "id": call_id or f"c{index}",
        "type": "function",
        "function": {"name": name or NAMES[index], "arguments": arguments},
    }


def more(index: int, text: str) -> dict[str, Any]:
    return {"index": index, "function": {"arguments": text}}


INTERLEAVED = sse(
    chunk({"role": "assistant", "content": "Let me see."}),
    *(chunk({"tool_calls": [opener(index)]}) for index in range(3)),
    *(chunk({"tool_calls": [more(index, text)]}) for text in ('{"a"', ":1}") for index in (2, 0, 1)),
    chunk({}, "tool_calls"),
)
"""Three calls whose fragments come in turns."""


@pytest.mark.parametrize("done", [True, False], ids=["done", "no-done"])
def test_a_stream_without_usage_is_closed(done: bool) -> None:
    """STREAM-06: Messages has usage in its closing events; they come all the same, at once with the end."""
    upstream = sse(chunk({"content": "Hi."}), chunk({}, "stop"), done=done)
    events = data_of(written(events_of(upstream), MESSAGES))
    assert [event["type"] for event in events][-2:] == ["message_delta", "message_stop"]
    assert events[-2]["delta"]["stop_reason"] == "end_turn"


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_every_opener_has_id_type_and_name_once(size: int) -> None:
    """STREAM-07: however the bytes are cut, for three calls at once."""
    decoder = DIALECTS[CHAT].stream_decoder(origin(CHAT))
    events = [event for at in range(0, len(INTERLEAVED), size) for event in decoder.feed(INTERLEAVED[at : at + size])]
    chunks = data_of(written([*events, *decoder.close()], CHAT))
    deltas = [call for one in chunks for choice in one["choices"] for call in choice["delta"].get("tool_calls") or []]
    for index, name in enumerate(NAMES):
        own = [delta for delta in deltas if delta["index"] == index]
        assert (own[0]["id"], own[0]["type"], own[0]["function"]["name"]) == (f"c{index}", "function", name)
        assert not any("id" in delta or "type" in delta or "name" in delta["function"] for delta in own[1:])
        assert "".join(delta["function"].get("arguments") or "" for delta in own) == '{"a":1}'


def test_one_id_one_time_and_one_model_for_the_whole_stream() -> None:
    """STREAM-22: although the host gave every chunk its own."""
    chunks = [chunk({"content": "H"}), chunk({"content": "i"}), chunk({}, "stop")]
    told = [{**one, "id": f"c-{index}", "created": index, "model": f"m{index}"} for index, one in enumerate(chunks)]
    shown = data_of(written(events_of(sse(*told)), CHAT))
    assert len({(one["id"], one["created"], one["model"]) for one in shown}) == 1


def test_interleaved_calls_become_blocks_one_behind_the_other() -> None:
    """STREAM-25, STREAM-03, STREAM-04: on Messages every block starts, grows and stops before the next."""
    events = [event for event in data_of(written(events_of(INTERLEAVED), MESSAGES)) if "index" in event]
    open_block: int | None = None
    blocks: list[str] = []
    for event in events:
        if event["type"] == "content_block_start":
            assert open_block is None
            assert event["index"] == len(blocks)
            open_block = event["index"]
            blocks.append("")
        else:
            assert event["index"] == open_block
            blocks[-1] += event.get("delta", {}).get("partial_json", "")
            open_block = None if event["type"] == "content_block_stop" else open_block
    assert blocks == ["", '{"a":1}', '{"a":1}', '{"a":1}']


def test_interleaved_calls_are_items_of_their_own_on_responses() -> None:
    """STREAM-25, STREAM-04: deltas name their item, and the whole response has what they amount to."""
    events = data_of(written(events_of(INTERLEAVED), RESPONSES))
    texts: dict[str, str] = {}
    for event in events:
        if event["type"] == "response.function_call_arguments.delta":
            texts[event["item_id"]] = texts.get(event["item_id"], "") + event["delta"]
    assert list(texts.values()) == ['{"a":1}'] * 3
    calls = [item for item in events[-1]["response"]["output"] if item["type"] == "function_call"]
    assert [(call["call_id"], call["arguments"]) for call in calls] == [(f"c{n}", '{"a":1}') for n in range(3)]


# ---- another provider


def _asked(**fields: Any) -> dict[str, Any]:
    fallbacks = {"fallbacks": [f"anthropic/{MODELS['anthropic']}"]}
    return {**chat(user(), stream=True, router=fallbacks), "model": f"openai/{MODELS['openai']}", **fields}


def test_before_a_word_was_said_another_provider_answers(tmp_path: Path) -> None:
    """STREAM-26: the stream had begun at the provider, and nothing of it has reached the caller."""
    first, second = OpenAIChat(), AnthropicMessages()
    first.fail(CutMidStream(after=0))
    with router_before(tmp_path, {"openai": first, "anthropic": second}) as url, client(url) as http:
        answer = http.post("/v1/chat/completions", json=_asked())
    assert answer.headers["x-router-provider"] == "anthropic"
    assert b"[DONE]" in answer.content
    assert len(second.requests) == 1


@pytest.mark.parametrize("failure", [CutMidStream(after=3), ErrorMidStream(after=3)], ids=["cut", "error"])
def test_after_a_word_no_other_provider_is_asked(tmp_path: Path, failure: Any) -> None:
    """STREAM-26: what was said stays said; then comes an error, no second half by another and no clean end."""
    first, second = OpenAIChat(), AnthropicMessages()
    first.fail(failure)
    with router_before(tmp_path, {"openai": first, "anthropic": second}) as url, client(url) as http:
        answer = http.post("/v1/chat/completions", json=_asked())
    chunks = data_of(answer.content)
    assert any(choice["delta"].get("content") for one in chunks[:-1] for choice in one.get("choices", []))
    assert chunks[-1]["error"]["message"]
    assert b"[DONE]" not in answer.content
    assert second.requests == []


def test_an_error_is_no_end() -> None:
    """STREAM-14: a broken stream ends with a StreamError whatever came before it."""
    events = events_of(sse(chunk({"content": "H"}), {"error": {"message": "gone", "code": 503}}, done=False))
    assert isinstance(events[-1], StreamError)
