"""Calls that a model wrote as text: made calls where a caller asked for it, in streams and whole answers alike."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from providers.spec.adjustments import Report
from providers.spec.errors import ProviderProtocolError
from providers.spec.events import CandidateEnd, PartDelta, PartEnd, PartStart, ResponseStart, StreamEnd, StreamError
from providers.spec.fold import fold
from providers.spec.parts import TextPart, ToolCallPart
from providers.spec.request import FunctionTool, Message, OutputFormat, Request, ToolChoice
from providers.spec.response import Candidate, Finish, FinishReason, Response
from router.verdicts.judge import Judge, Verdict
from router.verdicts.policy import judged
from router.verdicts.watch import CallWatch

LOOK = FunctionTool(
    name="look",
    schema={
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        "required": ["city"],
    },
)
TOOLS = (LOOK, FunctionTool(name="look-up"), FunctionTool(name="patch", kind="custom"))
ROME = {"city": "Rome", "days": 2}

FORMS = {
    "hermes": '<tool_call>\n{"name": "look", "arguments": {"city": "Rome", "days": 2}}\n</tool_call>',
    "hermes, arguments first": '<tool_call>{"arguments": {"city": "Rome", "days": 2}, "name": "look"}</tool_call>',
    "hermes, encoded twice": '<tool_call>{"name":"look",'
    '"arguments":"{\\"city\\":\\"Rome\\",\\"days\\":2}"}</tool_call>',
    "glm": "<tool_call>look\n<arg_key>city</arg_key>\n<arg_value>Rome</arg_value>\n<arg_key>days</arg_key>"
    "\n<arg_value>2</arg_value>\n</tool_call>",
    "qwen-coder": "<tool_call>\n<function=look>\n<parameter=city>\nRome\n</parameter>\n"
    "<parameter=days>\n2\n</parameter>\n</function>\n</tool_call>",
    "qwen-coder, bare": "<function=look>\n<parameter=city>Rome</parameter><parameter=days>2</parameter>\n</function>",
    "llama function": '<function=look>{"city": "Rome", "days": 2}</function>',
    "deepseek r1": "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>look\n```json\n"
    '{"city": "Rome", "days": 2}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>',
    "deepseek v3.1": "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>look<｜tool▁sep｜>"
    '{"city": "Rome", "days": 2}<｜tool▁call▁end｜><｜tool▁calls▁end｜>',
    "deepseek, ascii": '<|tool_call_begin|>look<|tool_sep|>{"city": "Rome", "days": 2}<|tool_call_end|>',
    "dsml": '<｜DSML｜function_calls>\n<｜DSML｜invoke name="look">\n<｜DSML｜parameter name="city" string="true">Rome'
    '</｜DSML｜parameter>\n<｜DSML｜parameter name="days" string="false">2</｜DSML｜parameter>\n</｜DSML｜invoke>\n'
    "</｜DSML｜function_calls>",
    "invoke": '<function_calls>\n<invoke name="look">\n<parameter name="city">Rome</parameter>\n'
    '<parameter name="days">2</parameter>\n</invoke>\n</function_calls>',
    "kimi": "<|tool_calls_section_begin|><|tool_call_begin|>functions.look:0<|tool_call_argument_begin|>"
    '{"city": "Rome", "days": 2}<|tool_call_end|><|tool_calls_section_end|>',
    "mistral": '[TOOL_CALLS][{"name": "look", "arguments": {"city": "Rome", "days": 2}}]',
    "mistral v11": '[TOOL_CALLS]look[ARGS]{"city": "Rome", "days": 2}',
    "mistral v13": '[TOOL_CALLS]look[CALL_ID]abc123def[ARGS]{"city": "Rome", "days": 2}',
    "gpt-oss": "<|channel|>commentary to=functions.look <|constrain|>json<|message|>"
    '{"city": "Rome", "days": 2}<|call|>',
    "gpt-oss, recipient first": "<|start|>assistant to=functions.look<|channel|>commentary json<|message|>"
    '{"city": "Rome", "days": 2}',
    "llama": '<|python_tag|>{"name": "look", "parameters": {"city": "Rome", "days": 2}}<|eom_id|>',
}
TWO = {
    "deepseek": '<|tool_call_begin|>look<|tool_sep|>{"city": "Rome"}<|tool_call_end|>\n'
    '<|tool_call_begin|>look<|tool_sep|>{"city": "Oslo"}<|tool_call_end|><|tool_calls_end|>',
    "hermes": '<tool_call>{"name":"look","arguments":{"city":"Rome"}}</tool_call>\n'
    '<tool_call>{"name":"look","arguments":{"city":"Oslo"}}</tool_call>',
    "invoke": '<invoke name="look"><parameter name="city">Rome</parameter></invoke>'
    '<invoke name="look"><parameter name="city">Oslo</parameter></invoke>',
    "mistral": '[TOOL_CALLS][{"name":"look","arguments":{"city":"Rome"}},{"name":"look","arguments":{"city":"Oslo"}}]',
    "llama": '<|python_tag|>{"name":"look","parameters":{"city":"Rome"}}; {"name":"look","parameters":{"city":"Oslo"}}',
}
ALONE = {
    "fenced": '```json\n{"name": "look", "arguments": {"city": "Rome", "days": 2}}\n```\n',
    "fenced without a word": '```\n{"name": "look", "parameters": {"city": "Rome", "days": 2}}\n```',
    "bare": '\n{ "name" : "look", "arguments": {"city": "Rome", "days": 2}}',
}
NONE = {
    "not offered": '<tool_call>{"name": "nobody", "arguments": {"city": "Rome"}}</tool_call>',
    "not closed": '<tool_call>{"name": "look", "arguments": {"city": "Rome"}}',
    "cut": '<tool_call>{"name": "look", "arguments": {"city": "Ro',
    "without what is required": '<tool_call>{"name": "look", "arguments": {"days": 2}}</tool_call>',
    "unfit": '<tool_call>{"name": "look", "arguments": {"city": {"x": []}}}</tool_call>',
    "one of two is unfit": '[TOOL_CALLS][{"name":"look","arguments":{"city":"Rome"}},{"name":"look","arguments":{}}]',
    "with more than a call has": '<tool_call>{"name": "look", "arguments": {"city": "Rome"}, "why": 1}</tool_call>',
    "broken": '<tool_call>{"name": "look", "arguments": {"city" "Rome"}}</tool_call>',
    "prose about markers": "Qwen writes <tool_call> before a call and </tool_call> behind it; <function=look> too.",
    "code": 'if a < look and b[look] > 1: print("[TOOL_CALLS]")',
    "fenced within prose": 'Like this:\n```json\n{"name": "look", "arguments": {"city": "Rome"}}\n```',
    "prose behind the fence": '```json\n{"name": "look", "arguments": {"city": "Rome"}}\n```\nis how a call looks.',
    "a parameter twice": "<function=look><parameter=city>A</parameter><parameter=city>B</parameter></function>",
    "a channel for reading": "<|channel|>final<|message|>Hello",
    "free text without its member": '<tool_call>{"name": "patch", "arguments": {"text": "x"}}</tool_call>',
}


def request(**more: Any) -> Request:
    return Request(messages=(), tools=more.pop("tools", TOOLS), **more)


def whole(
    text: str, asked: Request | None = None, *calls: ToolCallPart, finish: FinishReason = "stop", **judge: Any
) -> tuple[Response, tuple[Verdict, ...], Report]:
    report = Report()
    answer = Response(
        id="r-1", candidates=(Candidate(parts=(TextPart(text=text), *calls), finish=Finish(reason=finish)),)
    )
    made, verdicts = judged(answer, Judge(asked or request(), "repair", **judge), report, objects=False)
    return made, verdicts, report


def streamed(
    pieces: Sequence[str], asked: Request | None = None, *calls: ToolCallPart, finish: FinishReason = "stop"
) -> tuple[Response, tuple[Verdict, ...], Report]:
    watch = CallWatch(Judge(asked or request(), "repair"), objects=False)
    events: list[Any] = [ResponseStart(id="r-1"), PartStart(index=0, part=TextPart(text=""))]
    events += [PartDelta(index=0, text=piece) for piece in pieces]
    events.append(PartEnd(index=0))
    for index, call in enumerate(calls, 1):
        events += [PartStart(index=index, part=call), PartEnd(index=index)]
    events += [CandidateEnd(finish=Finish(reason=finish)), StreamEnd()]
    passed = [event for each in events for event in watch.feed([each])]
    assert all(event.text for event in passed if isinstance(event, PartDelta))
    report = Report()
    assert watch.recovery is not None
    watch.recovery.report(report)
    return fold(passed), watch.verdicts, report


def said(response: Response) -> tuple[str, list[tuple[str, Any]]]:
    (candidate,) = response.candidates
    text = "".join(part.text for part in candidate.parts if isinstance(part, TextPart))
    return text, [(call.name, json.loads(call.arguments)) for call in candidate.tool_calls]


def cut(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


# ---- what is made a call


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_a_call_in_a_known_markup_is_made_one(text: str) -> None:
    """TEXT-01, TEXT-02: opt-in; with an id of its own, a reason that says calls, and a verdict that says how."""
    made, verdicts, report = whole(f"Let me see.\n\n{text}\n")
    assert said(made) == ("Let me see.", [("look", ROME)])
    finish = made.candidates[0].finish
    assert finish is not None
    assert finish.reason == "tool_calls"
    (verdict,) = verdicts
    assert (verdict.status, verdict.id) == ("repaired", made.candidates[0].tool_calls[0].id)
    assert verdict.repairs[0].what.startswith("written as text (")
    assert [(one.path, one.action, one.to) for one in report.adjustments] == [
        ("response.content", "repaired", ["look"])
    ]


@pytest.mark.parametrize("text", ALONE.values(), ids=ALONE)
def test_a_text_that_is_nothing_but_a_call_is_made_one(text: str) -> None:
    """TEXT-01: where its JSON is the whole text there is no other reading."""
    made, _, _ = whole(text)
    assert said(made) == ("", [("look", ROME)])


@pytest.mark.parametrize("text", TWO.values(), ids=TWO)
def test_several_calls_keep_their_order_and_have_ids_of_their_own(text: str) -> None:
    """TEXT-01, ID-07."""
    made, verdicts, _ = whole(f"Both. {text} Done.")
    text_left, calls = said(made)
    assert text_left.split() == ["Both.", "Done."]
    assert [arguments["city"] for _, arguments in calls] == ["Rome", "Oslo"]
    assert len({verdict.id for verdict in verdicts}) == 2


@pytest.mark.parametrize("text", [*FORMS.values(), *ALONE.values(), *TWO.values()], ids=[*FORMS, *ALONE, *TWO])
@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_a_stream_makes_the_calls_of_the_plain_answer(text: str, size: int) -> None:
    """TEXT-03, STREAM-21: wherever the text is cut."""
    for around in (text, f"So.  {text}", f"So. {text}\n\n then"):
        assert streamed(cut(around, size))[:2] == whole(around)[:2]


def test_nothing_of_a_marker_is_shown_before_it_is_known_to_be_none() -> None:
    """TEXT-03: and text that cannot begin one goes on at once."""
    watch = CallWatch(Judge(request(), "repair"), objects=False)
    watch.feed([PartStart(index=0, part=TextPart(text=""))])
    shown = [
        watch.feed([PartDelta(index=0, text=piece)]) for piece in ("a < b", " [x]", " <tool", "_box>", " <tool_call>")
    ]
    assert ["".join(event.text for event in each if isinstance(event, PartDelta)) for each in shown] == [
        "a < b",
        " [x]",
        "",
        " <tool_box>",
        "",
    ]


def test_an_id_is_the_same_for_the_same_answer_and_another_for_another() -> None:
    """ID-07, ID-09: it depends on the answer, the conversation's length and the call."""
    text = FORMS["hermes"]
    first = whole(text)[1][0].id
    assert whole(text)[1][0].id == first
    longer = Request(messages=(Message(role="user", parts=(TextPart(text="go"),)),), tools=TOOLS)
    assert whole(text, longer)[1][0].id != first


def test_arguments_stay_as_they_were_written() -> None:
    """ARGS-10, ARGS-12: where the markup holds JSON its bytes are kept."""
    arguments = '{ "city":\t"R\\u00f6m",  "days": 12345678901234567890123 }'
    made, _, _ = whole(f'<tool_call>{{"name": "look", "arguments": {arguments}}}</tool_call>')
    assert made.candidates[0].tool_calls[0].arguments == arguments


def test_what_a_free_text_tool_was_given_is_its_text() -> None:
    """SCHEMA-20, TEXT-01."""
    made, verdicts, _ = whole('<tool_call>{"name": "patch", "arguments": {"input": "*** Begin"}}</tool_call>')
    (call,) = made.candidates[0].tool_calls
    assert (call.kind, call.arguments, verdicts[0].status) == ("custom", "*** Begin", "repaired")


def test_a_tool_is_known_by_the_name_its_provider_was_told() -> None:
    """TEXT-02, SCHEMA-15: the call comes back under the caller's."""
    tool = FunctionTool(name="files.look")
    text = '<tool_call>{"name": "files_look_x", "arguments": {}}</tool_call>'
    made, verdicts, _ = whole(text, request(tools=(tool,)), outward={"files.look": "files_look_x"})
    assert said(made) == ("", [("files.look", {})])
    assert verdicts[0].name == "files.look"


def test_a_call_that_the_host_gave_as_well_is_not_made_twice() -> None:
    """TEXT-03: half a marker and then a structured duplicate."""
    given = ToolCallPart(id="c", name="look", arguments='{"days": 2, "city": "Rome"}')
    texts = (f"So. {FORMS['dsml']}", f"So. {FORMS['glm']}")
    answers = [whole(text, None, given, finish="tool_calls") for text in texts]
    answers += [streamed(cut(text, 3), None, given, finish="tool_calls") for text in texts]
    for made, verdicts, report in answers:
        assert said(made) == ("So.", [("look", ROME)])
        assert [verdict.id for verdict in verdicts] == ["c"]
        assert [one.action for one in report.adjustments] == ["repaired"]


def test_a_closed_call_of_a_cut_answer_is_whole() -> None:
    """FINISH-03: its own markup says that nothing of it is missing; the reason stays."""
    made, verdicts, _ = whole(f"{FORMS['hermes']} and then", finish="length")
    assert [verdict.status for verdict in verdicts] == ["repaired"]
    assert made.candidates[0].finish == Finish(reason="length")


# ---- what stays text


@pytest.mark.parametrize("text", NONE.values(), ids=NONE)
@pytest.mark.parametrize("size", [1, 5, 1000])
def test_what_is_no_call_stays_text(text: str, size: int) -> None:
    """TEXT-02: not offered, not closed, not fitting, or only spoken of."""
    made, verdicts, _ = whole(text)
    assert (said(made), verdicts) == ((text, []), ())
    assert streamed(cut(text, size))[:2] == (made, ())


def test_a_call_that_the_choice_forbids_is_not_made() -> None:
    """TEXT-02, CHOICE-13."""
    text = FORMS["hermes"]
    for choice in (ToolChoice(mode="none"), ToolChoice(mode="required", names=("look-up",))):
        made, _, report = whole(text, request(tool_choice=choice))
        assert said(made) == (text, [])
        assert "downgraded" in [one.action for one in report.adjustments]


def test_without_tools_nothing_is_looked_for() -> None:
    """TEXT-02."""
    assert said(whole(FORMS["hermes"], request(tools=None))[0]) == (FORMS["hermes"], [])


def test_json_that_was_asked_for_is_no_call() -> None:
    """TEXT-02: an answer in JSON may look like one."""
    asked = request(output=OutputFormat(kind="json"))
    assert said(whole(ALONE["bare"], asked)[0]) == (ALONE["bare"], [])


def test_not_more_than_a_block_is_held_back() -> None:
    """TEXT-03: a call that never closes is shown in the end, and not kept in memory for ever."""
    start = '<tool_call>{"name": "look", "arguments": {"city": "'
    pieces = [start, *["x" * 1000] * 140]
    watch = CallWatch(Judge(request(), "repair"), objects=False)
    watch.feed([PartStart(index=0, part=TextPart(text=""))])
    shown = [bool(watch.feed([PartDelta(index=0, text=piece)])) for piece in pieces]
    assert not any(shown[:130])
    assert shown[-1]
    assert said(streamed(pieces)[0])[0] == "".join(pieces)


def test_a_stream_that_breaks_shows_what_was_held() -> None:
    """STREAM-14: and then the error."""
    watch = CallWatch(Judge(request(), "repair"), objects=False)
    watch.feed([PartStart(index=0, part=TextPart(text="")), PartDelta(index=0, text="So. <tool_call>{")])
    error = StreamError(error=ProviderProtocolError("broke"))
    passed = watch.feed([error])
    assert [getattr(event, "text", event) for event in passed] == [" <tool_call>{", error]


FRAGMENTS = st.sampled_from(
    [
        *FORMS.values(),
        *NONE.values(),
        *ALONE.values(),
        "<tool_call>",
        "</tool_call>",
        "<",
        "[",
        "```json\n",
        "{",
        "}",
        " ",
        "\n" * 70,
        "text",
        "look",
        "<|tool_call_begin|>look",
        ";",
        "｜",
        "é",
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(FRAGMENTS, max_size=6), st.lists(st.integers(1, 60), min_size=1, max_size=8))
@example([FORMS["llama"], "\n" * 70, ";", FORMS["llama"]], [1])
def test_any_text_cut_anywhere_gives_the_same(fragments: list[str], sizes: list[int]) -> None:
    """TEXT-03, STREAM-17: and text is only ever taken out together with the call it was."""
    text = "".join(fragments)
    pieces: list[str] = []
    at = 0
    while at < len(text):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(text[at : at + size])
        at += size
    made, verdicts, _ = whole(text)
    assert streamed(pieces)[:2] == (made, verdicts)
    if not verdicts:
        assert said(made)[0] == text
