"""TEXT: calls that a model wrote and its host did not read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from providers.dialects import DIALECTS
from router.verdicts.markup import Markup, MarkupWatch
from tests.catalogue.support import (
    CHAT,
    Canned,
    chat,
    chunk,
    completion,
    data_of,
    events_of,
    posted,
    sse,
    tool,
    written,
)

CALLS = {
    "hermes": '<tool_call>\n{"name": "look", "arguments": {"city": "Rome"}}\n</tool_call>',
    "glm": "<tool_call>look\n<arg_key>city</arg_key><arg_value>Rome</arg_value></tool_call>",
    "qwen-coder": "<tool_call>\n<function=look>\n<parameter=city>Rome</parameter></function></tool_call>",
    "deepseek": "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>look\n```json\n{}",
    "deepseek-ascii": '<|tool_calls_begin|><|tool_call_begin|>look<|tool_sep|>{"city": "Rome"}<|tool_call_end|>',
    "dsml": '<｜DSML｜function_calls>\n<｜DSML｜invoke name="look">\n</｜DSML｜invoke>',
    "kimi": "<|tool_calls_section_begin|><|tool_call_begin|>functions.look:0<|tool_call_argument_begin|>{}",
    "mistral": '[TOOL_CALLS][{"name": "look", "arguments": {}}]',
    "gpt-oss": "<|channel|>commentary to=functions.look <|constrain|>json<|message|>{}",
    "llama": '<|python_tag|>{"name": "look", "parameters": {}}',
}
PROSE = (
    "Qwen writes <tool_call> before a call, and </tool_call> behind it; look closely.",
    'Its content is {"name": "look"} then.',
    "DeepSeek has <｜tool▁call▁begin｜> for it.",
    '<tool_call>{"name": "nobody", "arguments": {}}</tool_call>',
    '<tool_call>{"name": "look-up", "arguments": {}}</tool_call>',
    "if a < look and b[look] > 1: pass",
)


def markup() -> Markup:
    return Markup([tool.name for tool in DIALECTS[CHAT].decode_request(chat(tools=[tool()])).tools or () if tool.name])


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("text", CALLS.values(), ids=list(CALLS))
def test_a_call_in_the_text_is_reported(tmp_path: Path, text: str, stream: bool) -> None:
    """TEXT-01: the text stays as it came and no call is made of it; that it holds one is told."""
    said = {"role": "assistant", "content": f"Let me see. {text}"}
    pieces = [chunk({"content": said["content"][at : at + 3]}) for at in range(0, len(said["content"]), 3)]
    fake = Canned(sse(*pieces, chunk({}, "stop"))) if stream else Canned(body=completion(said))
    answer = posted(tmp_path, fake, chat(tools=[tool()], stream=stream))
    about = data_of(answer.content)[-1]["router"] if stream else json.loads(answer.headers["x-router"])
    assert [(one["path"], one["action"]) for one in about["adjustments"]] == [("response.content", "downgraded")]
    assert "calls" not in about
    if not stream:
        assert answer.json()["choices"][0]["message"] == said


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_where_wrong_calls_are_rejected_one_in_the_text_is(tmp_path: Path, stream: bool) -> None:
    """TEXT-01, TEXT-03: as a model's error, retryable; of a stream not even half a marker is shown."""
    text = CALLS["deepseek"]
    pieces = [chunk({"content": piece}) for piece in ("Let me ", "see. ", *text)]
    said = {"role": "assistant", "content": f"Let me see. {text}"}
    fake = Canned(sse(*pieces, chunk({}, "stop"))) if stream else Canned(body=completion(said))
    asked = chat(tools=[tool()], stream=stream, router={"tool_validation": "reject"})
    answer = posted(tmp_path, fake, asked)
    events = data_of(answer.content) if stream else [answer.json()]
    error = events[-1]["error"]
    assert (error["code"], error["retryable"]) == ("call_as_text", True)
    shown = "".join(choice["delta"].get("content") or "" for one in events[:-1] for choice in one["choices"])
    assert shown == ("Let me see. " if stream else "")
    assert b"[DONE]" not in answer.content


@pytest.mark.parametrize("text", PROSE)
def test_text_that_only_speaks_of_calls_is_no_call(text: str) -> None:
    """TEXT-02: no name of a declared tool stands where a call has it; and nothing is ever made a call of."""
    assert not markup().stands_in(text)


def test_without_tools_there_is_no_call(tmp_path: Path) -> None:
    """TEXT-02: whatever the text looks like."""
    said = {"role": "assistant", "content": CALLS["hermes"]}
    answer = posted(tmp_path, Canned(body=completion(said)), chat())
    assert answer.headers["x-router-adjustments"] == "0"
    assert answer.json()["choices"][0]["message"] == said


@pytest.mark.parametrize("size", [1, 2, 5, 40])
@pytest.mark.parametrize("text", CALLS.values(), ids=list(CALLS))
def test_markers_are_seen_across_chunks(text: str, size: int) -> None:
    """TEXT-03: wherever the text is cut; and none of the markup has been shown when it is known to be some."""
    whole = f"So. {text}"
    stream = sse(*(chunk({"content": whole[at : at + size]}) for at in range(0, len(whole), size)), chunk({}, "stop"))
    watch = MarkupWatch(markup(), holds=True)
    assert _shown(watch.feed(events_of(stream))).removeprefix("So. ") == ""
    assert watch.found


@pytest.mark.parametrize("size", [1, 3, 200])
@pytest.mark.parametrize("text", PROSE)
def test_what_was_held_back_comes_in_the_end(text: str, size: int) -> None:
    """TEXT-03: nothing of a text that is none is lost, and an empty delta never comes."""
    whole = f"{text} " * 5 + "and <"
    stream = sse(*(chunk({"content": whole[at : at + size]}) for at in range(0, len(whole), size)), chunk({}, "stop"))
    assert _shown(MarkupWatch(markup(), holds=True).feed(events_of(stream))) == whole
    passed = events_of(stream)
    assert MarkupWatch(markup(), holds=False).feed(passed) == passed


def _shown(events: Sequence[Any]) -> str:
    chunks = data_of(written(list(events), CHAT))
    deltas = [choice["delta"] for one in chunks for choice in one.get("choices", [])]
    return "".join(delta.get("content") or "" for delta in deltas)
