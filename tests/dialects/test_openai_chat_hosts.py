"""Conversations of any provider's making, as each host of the chat dialect takes them: quirks are data."""

from __future__ import annotations

from typing import Any

import pytest

from providers.dialects import DIALECTS
from providers.dialects.openai_chat import DIALECT
from providers.spec.adjustments import Report
from providers.spec.errors import InvalidRequestError, RouterError, UnsupportedError
from providers.spec.parts import (
    MediaPart,
    OpaquePart,
    Origin,
    ReasoningPart,
    RefusalPart,
    State,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from providers.spec.profile import Profile
from providers.spec.request import Message, Reasoning, Request
from providers.wire.json import loads_object
from tests.dialects.openai_chat_building import (
    ANTHROPIC,
    FUNCTION,
    GEMINI,
    MODELS,
    USER,
    answered,
    body_of,
    call,
    called,
    checked,
    passed_on,
    paths,
    result,
    sent,
    turn,
)
from tests.dialects.openai_chat_support import NAME, ORIGIN, target
from tests.fakes.refusal import Refusal
from tests.traffic import Exchange, exchange_id, exchanges, needs_traffic
from tests.traffic_plugin import record_count

# ---- recorded requests of the other dialects

OTHERS = [
    exchange
    for name in DIALECTS
    if name != NAME
    for exchange in exchanges(name)
    if exchange.request_body_bytes is not None
]


@needs_traffic
@pytest.mark.parametrize("host", ["openai", "mistral", "openrouter"])
@pytest.mark.parametrize("exchange", OTHERS, ids=exchange_id)
def test_a_request_of_another_dialect_is_one_the_host_takes_or_is_refused_by_us(exchange: Exchange, host: str) -> None:
    """Nothing we write breaks the host's rules; what cannot be said is refused before, with its path."""
    try:
        request = DIALECTS[exchange.dialect].decode_request(loads_object(exchange.request_body_bytes or b""))
    except RouterError:
        assert exchange.status >= 400, "the provider took what we cannot read"
        return
    refused = _refused(request, host)
    if isinstance(refused, Refusal):
        # What its own provider refused may be refused by another.
        assert exchange.status >= 300, refused.message
    elif refused is not None:
        assert refused.path is not None
        record_count(f"{NAME}: requests of {exchange.dialect} refused with their path")
        return
    record_count(f"{NAME}: requests of {exchange.dialect} taken by {host}'s fake")


def _refused(request: Request, host: str) -> Refusal | RouterError | None:
    """Who refuses it: we, or the fake."""
    # OpenAI's models that do not reason take no effort.
    model = "gpt-4.1" if host == "openai" and request.reasoning is None else MODELS[host]
    try:
        checked(request, host, Report(), model=model)
    except (UnsupportedError, InvalidRequestError, Refusal) as error:
        return error
    return None


# ---- ids


@pytest.mark.parametrize(("host", "longest"), [("openai", 40), ("mistral", 9)])
def test_ids_are_made_legal_on_calls_and_results_alike(host: str, longest: int) -> None:
    """ID-03, ID-04, ID-02: injective, and each result stays with its call."""
    ids = ["functions.look:0", "functions_look_0", "x" * 70, "x" * 71, "call_1"]
    messages = [USER, turn(*(call(one) for one in ids)), *(result(one, TextPart(text=one)) for one in reversed(ids))]
    body, report = sent(*messages, host=host)
    written = [one["id"] for one in body["messages"][1]["tool_calls"]]
    assert len(set(written)) == len(ids)
    assert all(len(one) <= longest for one in written)
    assert [one["tool_call_id"] for one in body["messages"][2:]] == written[::-1]
    assert all(action == "mapped" and path.endswith(".id") for path, action in paths(report))


def test_ids_of_a_chat_callers_own_history_are_made_legal_too() -> None:
    """ID-05: whatever id a client was given is accepted when it comes back."""
    messages: list[Any] = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": None, "tool_calls": [called("toolu_01AbC")]},
        answered("toolu_01AbC"),
    ]
    profile = Profile(tool_call_id="[a-zA-Z0-9]{9}", tool_call_id_length=9)
    out: Any
    out, report = passed_on(body_of(messages=messages, tools=[FUNCTION]), profile)
    written = out["messages"][1]["tool_calls"][0]["id"]
    assert (len(written), out["messages"][2]["tool_call_id"]) == (9, written)
    assert paths(report) == [("messages[1].tool_calls[0].id", "mapped")]


def test_ids_that_repeat_and_ids_that_are_missing_are_told_apart() -> None:
    """ID-06, ID-07, ID-08."""
    turns = [turn(call("look:0")), result("look:0"), turn(call("look:0")), result("look:0"), turn(call("")), result("")]
    body, _ = sent(USER, *turns)
    calls = [one["tool_calls"][0]["id"] for one in body["messages"] if "tool_calls" in one]
    assert len(set(calls)) == 3
    assert [one["tool_call_id"] for one in body["messages"] if one["role"] == "tool"] == calls


@pytest.mark.parametrize(
    ("messages", "path"),
    [
        ((USER, turn(call())), "messages[1].tool_calls[0]"),
        ((USER, turn(call()), USER, turn(TextPart(text="x"))), "messages[1].tool_calls[0]"),
        ((USER, result("nobody")), "messages[1].content[0]"),
    ],
)
def test_orphans_of_another_dialect_are_refused_with_their_place(messages: tuple[Message, ...], path: str) -> None:
    """HIST-07, ID-13."""
    with pytest.raises(InvalidRequestError) as caught:
        sent(*messages)
    assert caught.value.path == path


# ---- turns


def test_results_stand_behind_their_calls_and_the_users_words_behind_them() -> None:
    """HIST-03, HIST-04."""
    mixed = Message(role="user", parts=(TextPart(text="go on"), *result("b").parts, *result("a").parts))
    body, _ = sent(USER, turn(TextPart(text="two"), call("a"), call("b")), mixed)
    assert [(one["role"], one.get("tool_call_id"), one.get("content")) for one in body["messages"][1:]] == [
        ("assistant", None, "two"),
        ("tool", "b", "18"),
        ("tool", "a", "18"),
        ("user", None, "go on"),
    ]


def test_neighbouring_turns_of_a_model_are_one() -> None:
    """HIST-04: Gemini keeps each step in a turn of its own."""
    body, _ = sent(USER, turn(TextPart(text="x"), call("a")), turn(call("b")), result("a"), result("b"))
    assert [one["id"] for one in body["messages"][1]["tool_calls"]] == ["a", "b"]
    assert [one["role"] for one in body["messages"]] == ["user", "assistant", "tool", "tool"]


def test_empty_turns_are_left_out_and_empty_results_are_not() -> None:
    """HIST-08, HIST-15, HIST-16."""
    empty = Message(role="tool", parts=(ToolResultPart(call_id="call_1"),))
    body, _ = sent(USER, turn(call()), empty, turn(), USER)
    assert [one["role"] for one in body["messages"]] == ["user", "assistant", "tool", "user"]
    assert body["messages"][2]["content"] == ""


def test_developer_messages_are_the_systems_for_a_host() -> None:
    """HIST-23: wherever they stand."""
    developer = Message(role="developer", parts=(TextPart(text="be brief"),))
    body, _ = sent(USER, developer)
    assert body["messages"][1] == {"role": "system", "content": "be brief"}


def test_a_failed_result_says_so_in_its_text() -> None:
    """HIST-22."""
    body, report = sent(USER, turn(call()), result("call_1", TextPart(text="no such city"), outcome="error"))
    assert body["messages"][2]["content"] == "Error: no such city"
    assert paths(report) == [("messages[2].content[0].outcome", "mapped")]


def test_a_refusal_is_said_as_text() -> None:
    body, _ = sent(USER, turn(RefusalPart(text="I will not")), USER)
    assert body["messages"][1] == {"role": "assistant", "content": "I will not"}


def test_arguments_are_sent_as_they_were() -> None:
    """ARGS-09, ARGS-10, ARGS-12: no parsing, no rounding; nothing is an empty object."""
    texts = ['{"id": 12345678901234567890, "x": 1.50}', '{"cut": "of', ""]
    turns = [part for n, text in enumerate(texts) for part in (turn(call(f"c{n}", arguments=text)), result(f"c{n}"))]
    body, _ = sent(USER, *turns)
    written = [one["tool_calls"][0]["function"]["arguments"] for one in body["messages"] if "tool_calls" in one]
    assert written == [*texts[:2], "{}"]


def test_what_another_provider_ran_is_no_call_of_the_clients() -> None:
    """SERVER-03."""
    body, report = sent(USER, turn(call("srv_1", executed_by="provider"), TextPart(text="found")), USER)
    assert body["messages"][1] == {"role": "assistant", "content": "found"}
    assert ("messages[1].content[0]", "dropped") in paths(report)


# ---- pictures

PICTURE = MediaPart(kind="image", media_type="image/png", data="iVBORw0KGgo=")
PICTURED = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}


def test_a_picture_in_a_result_follows_in_a_message_that_names_its_call() -> None:
    """HIST-14: behind all results of the turn."""
    body, report = sent(
        USER,
        turn(call("a"), call("b")),
        result("a", TextPart(text="see"), PICTURE),
        result("b"),
        turn(TextPart(text="x")),
    )
    assert [one["role"] for one in body["messages"]] == ["user", "assistant", "tool", "tool", "user", "assistant"]
    assert body["messages"][2]["content"] == "see"
    (label, picture) = body["messages"][4]["content"]
    assert (label["type"], picture) == ("text", PICTURED)
    assert "a" in label["text"].split()[-1]
    assert paths(report) == [("messages[2].content[0].content[1]", "mapped")]


@pytest.mark.parametrize("takes", [True, False, None])
def test_a_chat_callers_picture_stays_unless_the_host_refuses_it(takes: bool | None) -> None:
    """HIST-14."""
    messages = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": None, "tool_calls": [called()]},
        answered(content=[PICTURED]),
    ]
    out: Any
    out, report = passed_on(body_of(messages=messages, tools=[FUNCTION]), Profile(result_media=takes))
    if takes is False:
        assert out["messages"][2] == answered(content="")
        assert out["messages"][3]["content"][1] == PICTURED
        assert paths(report) == [("messages[2].content[0].content[0]", "mapped")]
    else:
        assert (out["messages"], report.adjustments) == (messages, [])


def test_a_file_stored_elsewhere_is_refused_with_its_place() -> None:
    with pytest.raises(UnsupportedError) as caught:
        sent(Message(role="user", parts=(MediaPart(kind="document", file_id="file_1"),)))
    assert caught.value.path == "messages[0].content[0]"


# ---- reasoning and state


def thinking(origin: Origin = ANTHROPIC) -> ReasoningPart:
    return ReasoningPart(text="hm", state=State(kind="signature", value="CANARY", origin=origin))


def test_reasoning_of_another_provider_is_left_out_and_said() -> None:
    """REASON-05, REASON-13, REASON-21."""
    signed = call(state=State(kind="thought_signature", value="CANARY", origin=GEMINI))
    body, report = sent(USER, turn(thinking(), signed), result())
    assert "CANARY" not in str(body)
    assert "hm" not in str(body)
    assert set(paths(report)) == {("messages[1].tool_calls[0].state", "dropped"), ("messages[1].reasoning", "dropped")}


def test_a_host_with_a_field_for_it_gets_the_text_and_no_seal() -> None:
    """REASON-18, REASON-19."""
    body, report = sent(USER, turn(thinking(), call()), result(), host="deepseek")
    assert body["messages"][1]["reasoning_content"] == "hm"
    assert "CANARY" not in str(body)
    assert paths(report) == [("messages[1].reasoning", "downgraded")]


def test_a_turn_without_reasoning_gets_an_empty_field_where_the_host_wants_one() -> None:
    """REASON-18: only with tools, and only beside calls."""
    body, _ = sent(USER, turn(call()), result(), turn(TextPart(text="x")), USER, host="deepseek")
    assert body["messages"][1]["reasoning_content"] == ""
    assert "reasoning_content" not in body["messages"][3]
    assert "reasoning_content" not in sent(USER, turn(call()), result(), host="openrouter")[0]["messages"][1]


CARRIED: dict[str, Any] = {"reasoning_content": "hm", "reasoning_details": [{"type": "reasoning.text", "text": "hm"}]}


@pytest.mark.parametrize(
    ("profile", "kept", "dropped"),
    [
        (Profile(), CARRIED, []),
        (Profile(carriers=()), {}, ["reasoning_details", "reasoning"]),
        (Profile(carriers=("reasoning_content",)), {"reasoning_content": "hm"}, ["reasoning_details"]),
        (
            Profile(carriers=("reasoning", "reasoning_details"), reasoning_field="reasoning"),
            {"reasoning": "hm", "reasoning_details": CARRIED["reasoning_details"]},
            [],
        ),
    ],
)
def test_a_chat_callers_reasoning_goes_under_the_field_the_host_has(
    profile: Profile, kept: dict[str, Any], dropped: list[str]
) -> None:
    """REASON-19, REASON-21."""
    turns: list[Any] = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "x", **CARRIED},
        {"role": "user", "content": "and"},
    ]
    out: Any
    out, report = passed_on(body_of(messages=turns), profile)
    assert out["messages"][1] == {"role": "assistant", "content": "x", **kept}
    assert sorted(paths(report)) == sorted((f"messages[1].{field}", "dropped") for field in dropped)


@pytest.mark.parametrize(
    ("origin", "goes"),
    [(Origin(dialect="google-generate-content"), True), (ORIGIN, True), (GEMINI, False), (ANTHROPIC, False)],
)
def test_a_signature_goes_back_only_where_it_was_made(origin: Origin, goes: bool) -> None:
    """REASON-02, REASON-05: what a client took from Google's own front is unstamped."""
    report = Report()
    signed = call(state=State(kind="thought_signature", value="CANARY", origin=origin))
    request = Request(messages=(USER, turn(signed), result()))
    body: Any = DIALECT.encode_request(request, target(), report).body
    sent_call = body["messages"][1]["tool_calls"][0]
    assert sent_call.get("extra_content") == ({"google": {"thought_signature": "CANARY"}} if goes else None)
    assert paths(report) == ([] if goes else [("messages[1].tool_calls[0].state", "dropped")])


# ---- how much to think


@pytest.mark.parametrize(
    ("reasoning", "effort", "reported"),
    [
        (Reasoning(effort="low"), "low", []),
        (Reasoning(enabled=False), "none", [("reasoning", "mapped")]),
        (Reasoning(enabled=True, budget_tokens=4096), "medium", [("reasoning.budget_tokens", "downgraded")]),
        (Reasoning(enabled=True, adaptive=True), None, [("reasoning", "dropped")]),
        (Reasoning(effort="high", show="summarized"), "high", [("reasoning.show", "dropped")]),
    ],
)
def test_thinking_is_an_effort_here(reasoning: Reasoning, effort: str | None, reported: list[tuple[str, str]]) -> None:
    """REASON-20."""
    body, report = sent(reasoning=reasoning, host="openrouter")
    assert body.get("reasoning_effort") == effort
    assert paths(report) == reported


def test_sampling_is_left_out_where_the_model_has_it_fixed() -> None:
    """PARAM-03: for a chat caller it is the provider's to judge."""
    body, report = sent(temperature=0.2, top_p=1)
    assert ("temperature" in body, body["top_p"]) == (False, 1)
    assert paths(report) == [("temperature", "dropped")]
    assert sent(temperature=0.2, host="mistral")[0]["temperature"] == 0.2
    assert passed_on(body_of(model="gpt-5", temperature=0.2))[0]["temperature"] == 0.2


def test_what_another_dialect_carries_is_reported_field_by_field() -> None:
    opaque = OpaquePart(dialect="anthropic-messages", type="search_result", value={})
    message = Message(role="user", parts=(TextPart(text="x"), opaque), ext={"anthropic-messages": {"cache": 1}})
    body, report = sent(message, top_k=3, ext={"google-generate-content": {"safetySettings": [{}], "labels": []}})
    assert body["messages"] == [{"role": "user", "content": [{"type": "text", "text": "x"}]}]
    assert paths(report) == [
        ("safetySettings", "dropped"),
        ("messages[0].cache", "dropped"),
        ("messages[0].content[1]", "dropped"),
        ("top_k", "dropped"),
    ]


def test_a_call_that_is_alone_in_its_turn_has_no_content() -> None:
    """HIST-17."""
    body, _ = sent(USER, turn(ToolCallPart(id="a", name="look", arguments="{}")), result("a"))
    assert body["messages"][1]["content"] is None
