"""HIST: histories made legal for whoever answers next."""

from __future__ import annotations

import json
from typing import Any

import pytest

from providers.spec.errors import InvalidRequestError
from tests.catalogue.support import CHAT, MESSAGES, RESPONSES, called, chat, result, sent, tool, user
from tests.fakes.anthropic_rules import check_messages
from tests.fakes.gemini_rules import check_generate
from tests.fakes.openai_profiles import profile_of
from tests.fakes.openai_responses_rules import check_responses
from tests.fakes.openai_rules import check_chat
from tests.fakes.refusal import Refusal

PROVIDERS = ("openai", "mistral", "groq", "deepseek", "anthropic", "google", "responses")


def legal(body: dict[str, Any], provider: str, face: str = CHAT) -> Any:
    """What leaves for the provider, as its strict fake takes it."""
    if provider == "responses":
        return check_responses(sent(body, "openai", face=face, wire=RESPONSES)[0])
    written, _ = sent(body, provider, face=face)
    if provider == "anthropic":
        return check_messages(written)
    if provider == "google":
        check_generate(written, "gemini-3-pro-preview")
        return written
    return check_chat(written, profile_of(provider))


def test_a_hosts_quirk_is_its_own() -> None:
    """HIST-05: rules are data of one host; the same conversation for another is not bent by them."""
    asked = chat(user(), called("call_1"), result("call_1"), tools=[tool()])
    ids = {name: legal(asked, name)["messages"][1]["tool_calls"][0]["id"] for name in ("openai", "mistral", "deepseek")}
    assert ids["openai"] == ids["deepseek"] == "call_1"
    assert len(ids["mistral"]) == 9
    assert "reasoning_content" in legal(asked, "deepseek")["messages"][1]
    assert "reasoning_content" not in legal(asked, "openai")["messages"][1]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_last_turn_without_tools_keeps_its_history(provider: str) -> None:
    """HIST-06: calls and results stay, and no tool is invented for them to be calls of."""
    body = legal(chat(user(), called("c1"), result("c1", "eighteen"), user("Sum up.")), provider)
    assert not body.get("tools")
    assert "look" in json.dumps(body)
    assert "eighteen" in json.dumps(body)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_legacy_functions_are_understood_everywhere(provider: str) -> None:
    """HIST-10: ``functions``, ``function_call`` and the role ``function``, of the time before tools."""
    asked = chat(
        user(),
        {"role": "assistant", "content": None, "function_call": {"name": "look", "arguments": '{"city":"Rome"}'}},
        {"role": "function", "name": "look", "content": "eighteen"},
        functions=[{"name": "look", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}],
        function_call="auto",
    )
    if provider == "openai":
        written, _ = sent(asked, provider)
        assert written["messages"][2]["role"] == "function"
        return
    body = legal(asked, provider)
    said = json.dumps(body)
    assert "eighteen" in said
    assert "Rome" in said
    # Only OpenAI still has the old fields; others get tools, and calls with ids.
    assert not {"functions", "function_call"} & set(body)
    assert '"function_call":' not in said
    assert '"role": "function"' not in said


CONTENTS = {
    "string": "eighteen",
    "parts": [{"type": "text", "text": "eight"}, {"type": "text", "text": "een"}],
    "empty": "",
    "no-parts": [],
    "json": '{"celsius": [18, null]}',
    "blank": "  ",
}


@pytest.mark.parametrize("content", CONTENTS.values(), ids=list(CONTENTS))
@pytest.mark.parametrize("provider", PROVIDERS)
def test_whatever_a_tool_said_every_provider_can_be_told(provider: str, content: Any) -> None:
    """HIST-11: text, parts, nothing and JSON; what was said is still there."""
    said = json.dumps(legal(chat(user(), called("c1"), result("c1", content), tools=[tool()]), provider))
    texts = [content] if isinstance(content, str) else [part["text"] for part in content]
    assert all(json.dumps(text)[1:-1] in said or not text.strip() for text in texts)
    assert "look" in said


def test_null_is_a_result_too() -> None:
    """HIST-11: of Messages and Gemini, where content may be left out."""
    asked = chat(user(), called("c1"), result("c1", None), tools=[tool()])
    for provider in ("anthropic", "google", "responses"):
        legal(asked, provider)


@pytest.mark.parametrize("provider", ["openai", "mistral", "groq"])
def test_a_user_may_speak_after_a_result(provider: str) -> None:
    """HIST-18: Mistral wants the assistant to speak first; nobody else gets a turn that was not said."""
    asked = chat(user(), called("c1"), result("c1"), user("And in Rome?"), tools=[tool()])
    roles = [message["role"] for message in legal(asked, provider)["messages"]]
    between = ["assistant"] if provider == "mistral" else []
    assert roles == ["user", "assistant", "tool", *between, "user"]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_turn_is_said_once(provider: str) -> None:
    """HIST-21: also in the second round of a loop."""
    asked = chat(
        user("first question"),
        called("c1", content="first thought"),
        result("c1", "first result"),
        called("c2", content="second thought"),
        result("c2", "second result"),
        tools=[tool()],
    )
    said = json.dumps(legal(asked, provider))
    for text in ("first question", "first thought", "first result", "second thought", "second result"):
        assert said.count(text) == 1


@pytest.mark.parametrize("provider", PROVIDERS)
def test_nothing_said_is_no_block_and_no_turn(provider: str) -> None:
    """HIST-15, HIST-16: empty and blank texts; what stood before and behind them is still there."""
    asked = chat(
        user("first"),
        {"role": "assistant", "content": ""},
        user("second"),
        called("c1", content="  "),
        result("c1"),
        tools=[tool()],
    )
    # Anthropic gets what was written in its own dialect as it is.
    own = provider == "anthropic"
    said = json.dumps(legal(asked, provider) if own else legal(_as_messages(asked), provider, face=MESSAGES))
    assert said.count("first") == said.count("second") == 1


def _as_messages(asked: dict[str, Any]) -> dict[str, Any]:
    """The same in Messages, whose blocks may be empty where a client builds them."""
    use = {"type": "tool_use", "id": "c1", "name": "look", "input": {}}
    answer = {"type": "tool_result", "tool_use_id": "c1", "content": []}
    return {
        "model": "m",
        "max_tokens": 100,
        "tools": [{"name": "look", "input_schema": asked["tools"][0]["function"]["parameters"]}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "first"}]},
            {"role": "assistant", "content": []},
            {"role": "user", "content": [{"type": "text", "text": "second"}]},
            {"role": "assistant", "content": [{"type": "text", "text": "  "}, use]},
            {"role": "user", "content": [answer]},
        ],
    }


def _answered(**fields: Any) -> dict[str, Any]:
    """A Messages request whose last turn is a result with these fields."""
    asked = _as_messages(chat(tools=[tool()]))
    asked["messages"] = [asked["messages"][0], *asked["messages"][3:]]
    asked["messages"][1]["content"] = asked["messages"][1]["content"][1:]
    asked["messages"][2]["content"][0].update(fields)
    return asked


@pytest.mark.parametrize("provider", PROVIDERS)
def test_text_beside_calls_stays_before_them(provider: str) -> None:
    """HIST-17: neither is lost."""
    asked = chat(user(), called("c1", "c2", content="Let me see."), result("c1"), result("c2"), tools=[tool()])
    said = json.dumps(legal(asked, provider))
    assert said.count("Let me see.") == 1
    assert 0 < said.index("Let me see.") < said.index('"look"', said.index("Let me see."))


@pytest.mark.parametrize("content", [None, "", [], [{"type": "tool_reference", "tool_name": "look"}]])
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_result_without_text_is_still_a_result(provider: str, content: Any) -> None:
    """HIST-08: none is dropped, so no call is left without its own."""
    legal(_answered(content=content), provider, face=MESSAGES)


@pytest.mark.parametrize("provider", ["anthropic", "google", "deepseek"])
@pytest.mark.parametrize(
    "messages",
    [[user(), called("lost"), user()], [user(), result("lost")], [user(), called("c1", "lost"), result("c1")]],
    ids=["call", "result", "one-of-two"],
)
def test_orphans_are_refused_with_their_ids(provider: str, messages: list[Any]) -> None:
    """HIST-07: of another dialect's making; the caller is told which one, before anybody is asked."""
    if provider == "deepseek":
        # A chat host gets what a chat caller wrote, and refuses it in its own words.
        with pytest.raises(Refusal):
            check_chat(sent(chat(*messages, tools=[tool()]), provider)[0], profile_of("deepseek"))
        return
    with pytest.raises(InvalidRequestError, match="lost"):
        sent(chat(*messages, tools=[tool()]), provider)


@pytest.mark.parametrize("provider", ["anthropic", "google", "responses"])
def test_arguments_that_do_not_parse_do_not_end_a_conversation(provider: str) -> None:
    """ARGS-09, ARGS-08: a call that was cut is replayed with what there was of it, never as an empty object."""
    asked = chat(user(), called("c1", arguments='{"city": "Ro'), result("c1", "cut"), tools=[tool()])
    assert "city" in json.dumps(legal(asked, provider))


def test_a_failure_stays_a_failure() -> None:
    """HIST-22: a flag where there is one, and one way to say it where there is none."""
    asked = _answered(content="no such city", is_error=True)
    assert legal(asked, "anthropic", face=MESSAGES)["messages"][-1]["content"][0]["is_error"] is True
    assert legal(asked, "openai", face=MESSAGES)["messages"][-1]["content"] == "Error: no such city"
    (part,) = legal(asked, "google", face=MESSAGES)["contents"][-1]["parts"]
    assert part["functionResponse"]["response"] == {"error": "no such city"}
