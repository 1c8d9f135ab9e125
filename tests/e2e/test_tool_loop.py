"""The same tool conversation through all three providers, plain and streamed, ends with the same answer."""

import json
from typing import Any

import pytest

from tests.e2e.conversation import TOOLS, assistant_message, hold, openai_client
from tests.e2e.service import MODELS
from tests.fakes.server import FakeProvider

PROVIDERS = sorted(MODELS)
EXPECTED = (
    'Results: get_weather({"city":"Paris"}) = {"celsius":21,"city":"Paris"}; '
    'get_weather({"city":"Rome"}) = {"celsius":28,"city":"Rome"}; '
)


def model_of(provider: str) -> str:
    return f"{provider}/{MODELS[provider]}"


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_conversation_ends_with_the_same_answer(router_url: str, provider: str, stream: bool) -> None:
    """HIST-01, HIST-04, HIST-09: two parallel calls, then one that depends on their results."""
    messages = hold(openai_client(router_url), model_of(provider), stream=stream)
    assert [message["role"] for message in messages] == [
        "system", "user", "assistant", "tool", "tool", "assistant", "tool", "assistant",
    ]  # fmt: skip
    assert messages[-1]["content"].startswith(EXPECTED)
    assert "convert(" in messages[-1]["content"]


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("provider", ["anthropic", "google"])
def test_a_loop_on_a_thinking_model_keeps_its_signatures(
    router_url: str, fakes: dict[str, FakeProvider], provider: str, stream: bool
) -> None:
    """REASON-01, REASON-02, REASON-06: the strict fake answers 400 where a signature is missing or altered."""
    messages = hold(openai_client(router_url), model_of(provider), stream=stream, reasoning_effort="medium")
    assert messages[-1]["content"].startswith(EXPECTED)
    replayed = fakes[provider].requests[-1].body
    assert b"skip_thought_signature_validator" not in replayed
    assert replayed.count(b'"signature"' if provider == "anthropic" else b'"thoughtSignature"') == 2


@pytest.mark.parametrize("provider", ["anthropic", "google"])
def test_plain_and_streamed_answers_give_the_client_the_same_message(router_url: str, provider: str) -> None:
    """Stream equals plain: calls, ids, arguments, reasoning state.

    Arguments by their values: a plain answer of these dialects has an object where a stream may have its text.
    """
    client = openai_client(router_url)
    request: dict[str, Any] = {
        "model": model_of(provider),
        "messages": [{"role": "user", "content": "Paris and Rome?"}],
        "tools": TOOLS,
        "reasoning_effort": "medium",
    }
    plain, streamed = (assistant_message(client, stream, **request).to_dict() for stream in (False, True))
    for call in streamed["tool_calls"]:
        call.pop("index", None)
        call["function"].pop("parsed_arguments", None)
    minted = provider == "google"
    for message in (plain, streamed):
        for call in message["tool_calls"]:
            call["function"]["arguments"] = json.loads(call["function"]["arguments"])
            if minted:
                call.pop("id")
    kept = ("content", "reasoning_content", "tool_calls")
    assert {key: streamed.get(key) for key in kept} == {key: plain.get(key) for key in kept}


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_client_that_drops_the_extras_still_gets_its_answer(
    router_url: str, fakes: dict[str, FakeProvider], provider: str, stream: bool
) -> None:
    """REASON-03: what the client lost is replaced by the provider's documented fallback."""
    messages = (
        hold(openai_client(router_url), model_of(provider), stream=stream, strip=True, reasoning_effort="medium")
        if provider != "openai"
        else hold(openai_client(router_url), model_of(provider), stream=stream, strip=True)
    )
    assert messages[-1]["content"].startswith(EXPECTED)
    if provider == "google":
        assert b"skip_thought_signature_validator" in fakes[provider].requests[-1].body


def test_the_provider_can_change_in_the_middle_of_a_loop(router_url: str, fakes: dict[str, FakeProvider]) -> None:
    """Signatures of one provider never reach another; the loop goes on."""
    client = openai_client(router_url)
    messages: list[dict[str, Any]] = [{"role": "user", "content": "Paris and Rome?"}]
    for provider in ("anthropic", "google", "openai"):
        effort = {} if provider == "openai" else {"reasoning_effort": "medium"}
        answer = assistant_message(client, False, model=model_of(provider), messages=messages, tools=TOOLS, **effort)
        messages.append(answer.to_dict())
        result = json.dumps({"celsius": 21})
        messages += [{"role": "tool", "tool_call_id": call.id, "content": result} for call in answer.tool_calls or []]
    assert messages[-1]["content"].startswith("Results: ")
    assert b"signature" not in fakes["openai"].requests[-1].body
    assert b"extra_content" not in fakes["openai"].requests[-1].body


CHOICES: list[tuple[Any, dict[str, Any]]] = [
    ("auto", {"openai": "auto", "anthropic": {"type": "auto"}, "google": {"mode": "AUTO"}}),
    ("none", {"openai": "none", "anthropic": {"type": "none"}, "google": {"mode": "NONE"}}),
    ("required", {"openai": "required", "anthropic": {"type": "any"}, "google": {"mode": "ANY"}}),
    (
        {"type": "function", "function": {"name": "convert"}},
        {
            "openai": {"type": "function", "function": {"name": "convert"}},
            "anthropic": {"type": "tool", "name": "convert"},
            "google": {"mode": "ANY", "allowedFunctionNames": ["convert"]},
        },
    ),
]


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(("choice", "expected"), CHOICES, ids=["auto", "none", "required", "named"])
def test_every_tool_choice_reaches_the_provider_in_its_own_words(
    router_url: str, fakes: dict[str, FakeProvider], provider: str, choice: Any, expected: dict[str, Any]
) -> None:
    """CHOICE-01."""
    client: Any = openai_client(router_url)
    client.chat.completions.create(
        model=model_of(provider),
        messages=[{"role": "user", "content": "x"}],
        tools=TOOLS,
        tool_choice=choice,
    )
    assert _sent_choice(provider, fakes[provider].requests[-1].json) == expected[provider]


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("mode", ["auto", "required"])
def test_allowed_tools_reach_the_provider(
    router_url: str, fakes: dict[str, FakeProvider], provider: str, mode: str
) -> None:
    """CHOICE-01: in the provider's own words; Anthropic has none, and names the one tool or is given no other."""
    allowed = {"mode": mode, "tools": [{"type": "function", "function": {"name": "convert"}}]}
    client: Any = openai_client(router_url)
    answer = client.chat.completions.create(
        model=model_of(provider),
        messages=[{"role": "user", "content": "x"}],
        tools=TOOLS,
        tool_choice={"type": "allowed_tools", "allowed_tools": allowed},
    )
    names = {call.function.name for call in answer.choices[0].message.tool_calls or [] if call.type == "function"}
    assert names <= {"convert"}
    sent: Any = fakes[provider].requests[-1].json
    if provider == "openai":
        assert sent["tool_choice"] == {"type": "allowed_tools", "allowed_tools": allowed}
    elif provider == "google":
        expected = {"auto": "VALIDATED", "required": "ANY"}[mode]
        assert _sent_choice(provider, sent) == {"mode": expected, "allowedFunctionNames": ["convert"]}
    elif mode == "required":
        assert sent["tool_choice"] == {"type": "tool", "name": "convert"}
    else:
        assert [tool["name"] for tool in sent["tools"]] == ["convert"]
        assert sent["tool_choice"] == {"type": "auto"}


def _sent_choice(provider: str, sent: Any) -> Any:
    return sent["toolConfig"]["functionCallingConfig"] if provider == "google" else sent["tool_choice"]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_one_call_at_a_time(router_url: str, fakes: dict[str, FakeProvider], provider: str) -> None:
    """CHOICE-09, CHOICE-10: asked for where there is a switch, reported where there is none."""
    client: Any = openai_client(router_url)
    answer = client.chat.completions.create(
        model=model_of(provider),
        messages=[{"role": "user", "content": "x"}],
        tools=TOOLS,
        parallel_tool_calls=False,
    )
    sent: Any = fakes[provider].requests[-1].json
    if provider == "openai":
        assert sent["parallel_tool_calls"] is False
    elif provider == "anthropic":
        assert sent["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}
    else:
        paths = [entry["path"] for entry in answer.router["adjustments"]]
        assert "parallel_tool_calls" in paths


@pytest.mark.parametrize("provider", PROVIDERS)
def test_absent_tools_are_not_sent(router_url: str, fakes: dict[str, FakeProvider], provider: str) -> None:
    openai_client(router_url).chat.completions.create(
        model=model_of(provider), messages=[{"role": "user", "content": "x"}]
    )
    sent: Any = fakes[provider].requests[-1].json
    assert not {"tools", "tool_choice", "toolConfig", "parallel_tool_calls"} & set(sent)
