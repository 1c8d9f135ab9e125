"""Declared policies: what becomes of a history with orphans, and of a call forced while the model thinks."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.dialects import DIALECTS
from providers.spec.adjustments import Report
from providers.spec.dialect import EncodedRequest
from providers.spec.errors import ForcedChoiceError, InvalidRequestError
from providers.spec.request import Request
from providers.wire.json import dumps, loads_object
from providers.wire.orphans import NO_RESULT, without_orphans
from router.options import Options
from router.policies import encoded_under
from tests.catalogue.support import CHAT, GEMINI, MESSAGES, RESPONSES, called, chat, result, target, tool, user
from tests.fakes.anthropic_rules import check_messages
from tests.fakes.gemini_rules import check_generate
from tests.fakes.openai_profiles import profile_of
from tests.fakes.openai_responses_rules import check_responses
from tests.fakes.openai_rules import check_chat

CHECKS: dict[str, Any] = {
    "anthropic": lambda body: check_messages(body, verify_signatures=False),
    "openai": lambda body: check_chat(body, profile_of("openai")),
    "mistral": lambda body: check_chat(body, profile_of("mistral")),
    "google": lambda body: check_generate(body, "gemini-2.5-pro"),
    "responses": check_responses,
}
TARGETS = {name: target(name) for name in ("anthropic", "openai", "mistral")} | {
    "google": target("google", "gemini-2.5-pro"),
    "responses": target("openai", "gpt-5.1", RESPONSES),
}
_MENDED = ("the call '", "the result for call")
HISTORIES: dict[str, list[dict[str, Any]]] = {
    "no result": [user(), called("c1"), user("well?")],
    "no result at the end": [user(), called("c1", "c2"), result("c1")],
    "one of two": [user(), called("c1", "c2"), result("c2"), user("well?")],
    "no result before the next turn": [user(), called("c1"), called("c2"), result("c2")],
    "no call": [user(), result("c9"), user("well?")],
    "a call that was trimmed": [result("c0"), user(), called("c1"), result("c1")],
    "a result twice": [user(), called("c1"), result("c1"), result("c1", "19")],
    "result of an older turn": [user(), called("c1"), result("c1"), called("c2"), result("c2"), result("c1")],
    "text between": [user(), called("c1"), user("wait"), called("c2"), result("c2")],
}


def decoded(body: dict[str, Any], face: str = CHAT) -> Request:
    return DIALECTS[face].decode_request(loads_object(dumps(body)))


def sent_under(options: Options, body: dict[str, Any], name: str, face: str = CHAT) -> tuple[Any, Report]:
    report, to = Report(), TARGETS.get(name) or target(name)
    dialect = DIALECTS[to.dialect]

    def encode(request: Request, told: Report) -> EncodedRequest:
        return dialect.encode_request(request, to, told)

    encoded = encoded_under(options, decoded(body, face), report, encode)
    return json.loads(dumps(encoded.body)), report


# ---- orphans


@pytest.mark.parametrize("messages", HISTORIES.values(), ids=HISTORIES)
@pytest.mark.parametrize("name", ["anthropic", "google", "responses"])
def test_orphans_are_refused_with_their_id_by_default(name: str, messages: list[Any]) -> None:
    """HIST-07: and the message says what mends them."""
    with pytest.raises(InvalidRequestError, match=r"'c\d'.*router\.orphans"):
        sent_under(Options(), chat(*messages, tools=[tool()]), name)


@pytest.mark.parametrize("messages", HISTORIES.values(), ids=HISTORIES)
@pytest.mark.parametrize("name", TARGETS)
def test_a_mended_history_is_legal_everywhere(name: str, messages: list[Any]) -> None:
    """HIST-07, LOOP-06: as strict fakes of the providers judge; what was done is told with the ids."""
    body, report = sent_under(Options(orphans="repair"), chat(*messages, tools=[tool()]), name)
    CHECKS[name](body)
    reasons = [one.reason for one in report.adjustments if one.reason.startswith(_MENDED)]
    assert reasons
    assert all("'c" in reason for reason in reasons)


def test_a_call_without_result_is_answered_with_an_error_where_it_stood() -> None:
    """HIST-07, HIST-22: behind the results that are there."""
    body, report = sent_under(Options(orphans="repair"), chat(*HISTORIES["one of two"], tools=[tool()]), "anthropic")
    results = body["messages"][2]["content"]
    assert [block.get("tool_use_id") for block in results[:2]] == ["c1", "c2"]
    assert results[0]["is_error"] is True
    assert results[0]["content"] == [{"type": "text", "text": NO_RESULT}]
    assert results[2] == {"type": "text", "text": "well?"}
    assert (report.adjustments[0].path, report.adjustments[0].action) == ("messages[1].content[0]", "repaired")


def test_a_result_without_call_is_left_out_and_told() -> None:
    """HIST-07: that is a loss, and a caller who takes none is told so."""
    body, report = sent_under(Options(orphans="repair"), chat(*HISTORIES["no call"], tools=[tool()]), "openai")
    assert [message["role"] for message in body["messages"]] == ["user", "user"]
    assert [(one.path, one.action) for one in report.adjustments] == [("messages[1].content[0]", "dropped")]


def test_results_of_a_users_message_are_mended_too() -> None:
    """HIST-07, HIST-04: as Messages has them, beside text."""
    uses: list[Any] = [{"type": "tool_use", "id": each, "name": "look", "input": {}} for each in ("t1", "t2")]
    said: list[Any] = [{"type": "tool_result", "tool_use_id": each, "content": "18"} for each in ("t2", "t9")]
    asked = {
        "model": "m",
        "max_tokens": 100,
        "tools": [{"name": "look", "input_schema": {"type": "object"}}],
        "messages": [
            user(),
            {"role": "assistant", "content": uses},
            {"role": "user", "content": [*said, {"type": "text", "text": "well?"}]},
        ],
    }
    for name in TARGETS:
        body, report = sent_under(Options(orphans="repair"), asked, name, MESSAGES)
        CHECKS[name](body)
        assert {one.action for one in report.adjustments if one.reason.startswith(_MENDED)} >= {"repaired", "dropped"}
        assert "well?" in json.dumps(body)


def test_a_whole_history_stays_as_it_is() -> None:
    request = decoded(chat(user(), called("c1"), result("c1"), user()))
    report = Report()
    assert without_orphans(request, report) is request
    assert report.adjustments == []


TURNS = st.lists(
    st.one_of(
        st.builds(user),
        st.lists(st.sampled_from(["c1", "c2", "c3"]), min_size=1, max_size=3).map(lambda ids: called(*ids)),
        st.builds(result, st.sampled_from(["c1", "c2", "c3"])),
        st.just({"role": "assistant", "content": "Well."}),
    ),
    max_size=8,
)


@settings(max_examples=150, deadline=None)
@given(TURNS, st.sampled_from([name for name in TARGETS if name != "openai"]))
def test_any_history_goes_anywhere(turns: list[dict[str, Any]], name: str) -> None:
    """HIST-07, ID-07: whatever was cut, doubled or repeated; and mending what was mended changes nothing."""
    messages = [user(), *turns, user()]
    body, _ = sent_under(Options(orphans="repair"), chat(*messages, tools=[tool()]), name)
    CHECKS[name](body)
    mended = without_orphans(decoded(chat(*messages)), Report())
    assert without_orphans(mended, Report()) is mended


# ---- forced calls and thinking

NAMED = {"type": "function", "function": {"name": "look"}}


@pytest.mark.parametrize("choice", ["required", NAMED], ids=["required", "named"])
@pytest.mark.parametrize("name", ["anthropic", "deepseek", "openrouter"])
def test_thinking_gives_way_where_that_is_the_policy(name: str, choice: Any) -> None:
    """CHOICE-04, CHOICE-05, REASON-20: each host is told by its own switch, and the caller what was done."""
    asked = chat(tools=[tool(), tool("other")], tool_choice=choice, reasoning_effort="high")
    with pytest.raises(ForcedChoiceError, match=r"router\.forced_choice"):
        sent_under(Options(), asked, name)
    body, report = sent_under(Options(forced_choice="drop_thinking"), asked, name)
    assert [one.path for one in report.adjustments if one.action == "downgraded"] == ["reasoning"]
    match name:
        case "anthropic":
            check_messages(body)
            assert body.get("thinking", {"type": "disabled"}) == {"type": "disabled"}
            assert body["tool_choice"]["type"] in {"any", "tool"}
        case "deepseek":
            check_chat(body, profile_of(name))
            assert (body["thinking"], body["tool_choice"]) == ({"type": "disabled"}, choice)
            assert "reasoning_effort" not in body
        case _:
            assert (body["reasoning_effort"], body["tool_choice"]) == ("none", choice)


@pytest.mark.parametrize("choice", ["required", NAMED], ids=["required", "named"])
@pytest.mark.parametrize("name", ["anthropic", "deepseek", "openrouter"])
def test_the_forced_call_gives_way_where_that_is_the_policy(name: str, choice: Any) -> None:
    """CHOICE-04: to auto, restricted to the tool that was named."""
    asked = chat(tools=[tool(), tool("other")], tool_choice=choice, reasoning_effort="high")
    body, report = sent_under(Options(forced_choice="downgrade_choice"), asked, name)
    assert "tool_choice" in [one.path for one in report.adjustments if one.action == "downgraded"]
    spelled = body.get("tool_choice", "auto")
    assert spelled in ("auto", {"type": "auto"})
    names = [one.get("name") or one["function"]["name"] for one in body["tools"]]
    assert names == (["look"] if choice == NAMED else ["look", "other"])
    assert body.get("thinking") or body.get("reasoning_effort")


def test_the_policy_is_applied_to_what_is_sent_and_to_nothing_else() -> None:
    """CHOICE-06: where there is no conflict nothing gives way."""
    asked = chat(tools=[tool()], tool_choice="required", reasoning_effort="high")
    for policy in ("drop_thinking", "downgrade_choice"):
        body, _ = sent_under(Options(forced_choice=policy), asked, "google")
        assert body["toolConfig"]["functionCallingConfig"]["mode"] == "ANY"
        assert "thinkingConfig" in body["generationConfig"]


def test_a_gemini_caller_has_the_same_policy() -> None:
    """CHOICE-04: it is the request's, whatever dialect it is written in."""
    asked = {
        "contents": [{"role": "user", "parts": [{"text": "go"}]}],
        "tools": [{"functionDeclarations": [{"name": "look"}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY"}},
        "generationConfig": {"thinkingConfig": {"thinkingBudget": 2048}},
    }
    body, _ = sent_under(Options(forced_choice="downgrade_choice"), asked, "anthropic", GEMINI)
    assert body["thinking"]["type"] == "enabled"
    assert check_messages(body)["tool_choice"] == {"type": "auto"}
