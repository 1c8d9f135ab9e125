"""Reasoning state in the fields of other gateways: accepted, sent where it is valid, and written back as it came."""

from __future__ import annotations

import json
from typing import Any

import pytest

from providers.dialects import DIALECTS
from providers.spec.adjustments import Report
from providers.spec.profile import Profile, Target
from providers.wire.json import dumps, loads_object
from tests.catalogue.support import CHAT, called, chat, result, sent, tool, user
from tests.fakes.anthropic_rules import check_messages
from tests.fakes.openai_profiles import profile_of
from tests.fakes.openai_rules import check_chat

BLOCKS: list[dict[str, Any]] = [
    {"type": "redacted_thinking", "data": "c2VhbGVk"},
    {"type": "thinking", "thinking": "Rome it is.", "signature": "c2ln"},
]
SHAPES: dict[str, dict[str, Any]] = {
    "blocks alone": {"thinking_blocks": BLOCKS},
    "with their text": {"reasoning_content": "Rome it is.", "thinking_blocks": BLOCKS},
    "with another text": {"thinking_blocks": BLOCKS, "reasoning_content": "I think of Rome."},
    "with a mark": {"thinking_blocks": [{**BLOCKS[1], "cache_control": None, "x": 1}]},
    "unsigned": {"thinking_blocks": [{"type": "thinking", "thinking": "Rome.", "signature": ""}]},
    "null signature": {"thinking_blocks": [{"signature": None, "thinking": "Rome.", "type": "thinking"}]},
    "none": {"thinking_blocks": []},
    "null": {"thinking_blocks": None},
    "of a type that is not known": {"thinking_blocks": [{"type": "summary", "text": "x"}]},
    "details": {"reasoning_details": [{"type": "reasoning.text", "text": "Rome.", "signature": "s", "index": 0}]},
    "details and text": {"reasoning": "Rome.", "reasoning_details": [{"type": "reasoning.text", "text": "Rome."}]},
    "signature of a text": {"content": "Well.", "provider_specific_fields": {"thought_signatures": ["c2ln"], "x": 1}},
}


def asked(turn: dict[str, Any]) -> dict[str, Any]:
    return chat(user(), {**called("t1"), **turn}, result("t1"), tools=[tool()])


def content_at_anthropic(turn: dict[str, Any]) -> tuple[list[Any], dict[str, str]]:
    body, reported = sent(asked(turn), "anthropic")
    check_messages(body, verify_signatures=False)
    return body["messages"][1]["content"], reported


@pytest.mark.parametrize("name", ["blocks alone", "with their text"])
def test_thinking_blocks_go_back_to_anthropic(name: str) -> None:
    """REASON-06, REASON-11, REASON-19: as its own state, unmodified, in order, and nothing is said to be lost."""
    content, reported = content_at_anthropic(SHAPES[name])
    assert content[:2] == BLOCKS
    assert reported.keys() <= {"max_tokens"}


def test_another_text_beside_the_blocks_is_told_as_lost() -> None:
    content, reported = content_at_anthropic(SHAPES["with another text"])
    assert [block["type"] for block in content] == ["redacted_thinking", "thinking", "tool_use"]
    assert reported["messages[1].reasoning"] == "dropped"


@pytest.mark.parametrize("provider", ["google", "openai", "groq", "deepseek"])
def test_thinking_blocks_go_to_nobody_else(provider: str) -> None:
    """REASON-05, REASON-21: unstamped state goes back to its own dialect; the loss is told."""
    body, reported = sent(asked(SHAPES["with their text"]), provider)
    text = json.dumps(body)
    assert "c2ln" not in text
    assert "c2VhbGVk" not in text
    assert any(path.startswith("messages[1]") for path in reported)
    if provider == "deepseek":
        # Its own field of readable reasoning gets the text (REASON-18).
        check_chat(body, profile_of(provider))
        assert body["messages"][1]["reasoning_content"] == "Rome it is."


@pytest.mark.parametrize("turn", SHAPES.values(), ids=SHAPES)
def test_a_host_of_which_nothing_is_known_gets_what_the_caller_wrote(turn: dict[str, Any]) -> None:
    """REASON-19, ARGS-12: it may be a gateway of that very kind."""
    body = loads_object(dumps(asked(turn)))
    report = Report()
    target = Target(provider="there", model="m", dialect=CHAT)
    encoded = DIALECTS[CHAT].encode_request(DIALECTS[CHAT].decode_request(body), target, report)
    assert dumps(encoded.body) == dumps(body)
    assert report.adjustments == []


def test_a_host_that_takes_the_text_only_gets_that() -> None:
    """REASON-19, REASON-21: in the field it lists."""
    profile = Profile(carriers=("reasoning_content",))
    target = Target(provider="there", model="m", dialect=CHAT, profile=profile)
    report = Report()
    request = DIALECTS[CHAT].decode_request(loads_object(dumps(asked(SHAPES["with their text"]))))
    body: Any = DIALECTS[CHAT].encode_request(request, target, report).body
    assert body["messages"][1]["reasoning_content"] == "Rome it is."
    assert "thinking_blocks" not in body["messages"][1]
    assert [(one.path, one.action) for one in report.adjustments] == [
        ("messages[1].reasoning", "downgraded"),
        ("messages[1].reasoning", "dropped"),
    ]


def test_the_text_of_reasoning_details_is_read_where_there_is_no_other() -> None:
    """REASON-19: a host that reads reasoning gets it; the sealed array goes to nobody but hosts that list it."""
    body, _ = sent(asked(SHAPES["details"]), "deepseek")
    assert body["messages"][1]["reasoning_content"] == "Rome."
    assert "reasoning_details" not in body["messages"][1]
    body, reported = sent(asked(SHAPES["details"]), "openrouter")
    assert body["messages"][1]["reasoning_details"] == SHAPES["details"]["reasoning_details"]
    assert reported == {}
    body, reported = sent(asked(SHAPES["details"]), "anthropic")
    assert [block["type"] for block in body["messages"][1]["content"]] == ["tool_use"]
    assert "messages[1].reasoning" in reported


@pytest.mark.parametrize("fields", [{"thought_signature": "c2ln"}, {"thought_signature": "c2ln", "other": 1}])
def test_a_signature_in_provider_specific_fields_goes_back_to_gemini(fields: dict[str, Any]) -> None:
    """REASON-01, REASON-19: on the call it came with; what stands beside it is carried or told."""
    turn = called("t1")
    turn["tool_calls"][0]["provider_specific_fields"] = fields
    body, reported = sent(asked(turn), "google")
    assert body["contents"][1]["parts"][0]["thoughtSignature"] == "c2ln"
    assert [path for path in reported if "provider_specific_fields" in path] == (
        ["messages[1].content[0].provider_specific_fields"] if "other" in fields else []
    )
    for provider in ("anthropic", "openai"):
        assert "c2ln" not in json.dumps(sent(asked(turn), provider)[0])
    unknown = Target(provider="there", model="m", dialect=CHAT)
    same = DIALECTS[CHAT].decode_request(loads_object(dumps(asked(turn))))
    assert dumps(DIALECTS[CHAT].encode_request(same, unknown, Report()).body) == dumps(asked(turn))


def test_a_signature_of_the_text_goes_back_to_gemini() -> None:
    """REASON-04."""
    fields = {"thought_signatures": ["c2ln"]}
    said = {"role": "assistant", "content": "Well.", "provider_specific_fields": fields}
    body, reported = sent(chat(user(), said, user()), "google")
    assert body["contents"][1]["parts"] == [{"text": "Well.", "thoughtSignature": "c2ln"}]
    assert reported == {}


def test_the_suffix_of_another_gateway_is_taken_off_and_its_signature_used() -> None:
    """ID-10, REASON-19: Gemini gets it on its call; nobody sees it in an id."""
    messages: list[Any] = [user(), called("call_1__thought__c2ln+/="), result("call_1__thought__c2ln+/=")]
    raw = chat(*messages, tools=[tool()])
    for provider in ("google", "anthropic", "openai", "mistral"):
        body, _ = sent(raw, provider)
        assert "__thought__" not in str(body)
        assert ("c2ln+/=" in str(body)) == (provider == "google")
