"""One verdict per call, from the request's own schemas; repair led by them; streams and whole answers alike."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.spec.adjustments import Report
from providers.spec.errors import InvalidToolCallError
from providers.spec.events import (
    CandidateEnd,
    PartDelta,
    PartEnd,
    PartStart,
    ResponseStart,
    StreamEnd,
    StreamError,
    StreamEvent,
)
from providers.spec.fold import fold, unfold
from providers.spec.parts import Part, TextPart, ToolCallPart
from providers.spec.request import FunctionTool, Request, Tool, ToolChoice
from providers.spec.response import Candidate, Finish, FinishReason, Response
from providers.wire.json import loads
from router.verdicts.judge import Judge, Policy
from router.verdicts.policy import judged
from router.verdicts.watch import CallWatch

PLAN = {
    "type": "object",
    "properties": {
        "count": {"type": "integer"},
        "ratio": {"type": "number"},
        "name": {"type": "string"},
        "on": {"type": "boolean"},
        "steps": {"type": "array", "items": {"$ref": "#/$defs/step"}},
        "where": {"type": "object", "properties": {"x": {"type": "integer"}}},
        "note": {"type": "string"},
        "maybe": {"type": ["string", "null"]},
        "either": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
    },
    "$defs": {"step": {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]}},
}
NEEDS_NAME = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}


def request(schema: Any = None, choice: ToolChoice | None = None, **tool: Any) -> Request:
    tools: tuple[Tool, ...] = (FunctionTool(name="plan", schema=schema, **tool), FunctionTool(name="other"))
    return Request(messages=(), tools=tools, tool_choice=choice)


def response(*calls: tuple[str, str], finish: FinishReason = "tool_calls") -> Response:
    parts = tuple(ToolCallPart(id=f"call_{n}", name=name, arguments=text) for n, (name, text) in enumerate(calls))
    return Response(candidates=(Candidate(parts=(TextPart(text="well"), *parts), finish=Finish(reason=finish)),))


def verdict_of(text: str, schema: Any = None, policy: Policy = "report", name: str = "plan", **more: Any) -> Any:
    finish = more.pop("finish", "tool_calls")
    answer, verdicts = judged(
        response((name, text), finish=finish), Judge(request(schema, **more), policy), Report(), objects=False
    )
    (call,) = answer.candidates[0].tool_calls
    assert call.arguments == verdicts[0].arguments
    return verdicts[0]


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ('{"name": "x"}', "complete"),
        ('{"name": 1}', "schema_mismatch"),
        ("{}", "schema_mismatch"),
        ("[]", "schema_mismatch"),
        ('{"name": "x"', "invalid_json"),
        ("", "invalid_json"),
        ('{"name": "x", "more": 12345678901234567890123}', "complete"),
        ('{"name": "x", "more": 1e400}', "complete"),
        ('{"name": "\\ud800"}', "complete"),
    ],
)
def test_arguments_are_checked_against_the_requests_schema(text: str, status: str) -> None:
    """FINISH-08, ARGS-08, ARGS-10: malformed is not truncated, and nothing is coerced or rounded."""
    verdict = verdict_of(text, NEEDS_NAME)
    assert verdict.status == status
    assert verdict.arguments == text


def test_a_misfit_names_its_place() -> None:
    verdict = verdict_of('{"steps": [{"id": 1}, {"id": "two"}]}', PLAN)
    assert verdict.as_json()["errors"] == [{"path": "steps[1].id", "message": '"two" is not of type "integer"'}]


@pytest.mark.parametrize("finish", ["length", "malformed_tool_call", "content_filter", "error"])
def test_the_last_call_of_a_cut_answer_is_never_whole(finish: FinishReason) -> None:
    """FINISH-03, FINISH-01, ARGS-16: not even where its text happens to parse; its complete siblings are kept."""
    answer = response(("plan", '{"name":"a"}'), ("plan", '{"name":"b"}'), finish=finish)
    _, verdicts = judged(answer, Judge(request(NEEDS_NAME), "repair"), Report(), objects=False)
    assert [verdict.status for verdict in verdicts] == ["complete", "incomplete"]


def test_a_tool_that_is_not_there_is_unknown() -> None:
    assert verdict_of("{}", name="plam").status == "unknown_tool"
    assert verdict_of("{}", name="other").status == "complete"


@pytest.mark.parametrize(
    ("choice", "status"),
    [
        (ToolChoice(mode="none"), "unknown_tool"),
        (ToolChoice(mode="required", names=("other",)), "unknown_tool"),
        (ToolChoice(mode="auto", names=("plan", "other")), "complete"),
        (ToolChoice(mode="required"), "complete"),
    ],
)
def test_a_call_that_the_choice_forbids_is_not_handed_over_as_a_normal_one(choice: ToolChoice, status: str) -> None:
    """CHOICE-13."""
    assert verdict_of("{}", choice=choice).status == status


def test_free_text_of_a_custom_tool_is_not_read_as_json() -> None:
    """SCHEMA-20."""
    assert verdict_of("*** Begin Patch", kind="custom").status == "complete"


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "http://127.0.0.1:9/schema"},
        {"$ref": "file:///etc/hostname"},
        {"type": "no such type"},
        {"type": "object", "properties": {"name": {"type": "string", "pattern": "("}}},
        {"$schema": "http://example.com/own"},
        None,
        True,
    ],
)
def test_a_schema_that_cannot_be_used_checks_nothing_and_fetches_nothing(schema: Any) -> None:
    """A tool schema comes from a caller: following its references would be an open door (SSRF)."""
    assert verdict_of('{"name": 1}', schema).status == "complete"


def test_a_pattern_of_exponential_time_is_given_up() -> None:
    schema = {"type": "object", "properties": {"name": {"type": "string", "pattern": "^(?=(a+)+b)(a+)+$"}}}
    assert verdict_of(json.dumps({"name": "a" * 60}), schema).status in {"complete", "schema_mismatch"}


def test_geminis_own_grammar_is_checked_too() -> None:
    schema = {"type": "OBJECT", "properties": {"name": {"type": "STRING", "nullable": True}}, "required": ["name"]}
    assert verdict_of('{"name": null}', schema, schema_grammar="gemini_schema").status == "complete"
    assert verdict_of('{"name": 1}', schema, schema_grammar="gemini_schema").status == "schema_mismatch"


# ---- repair


@pytest.mark.parametrize("text", ['{"count": 4475.0}', '{"count": 1e16}', '{"count": -0.0}'])
def test_an_integral_float_is_written_as_an_integer(text: str) -> None:
    """ARGS-11: although JSON Schema takes it for one; parsers of integers do not. Without repair it is verbatim."""
    mended = verdict_of(text, PLAN, "repair")
    assert mended.status == "repaired"
    assert "." not in mended.arguments
    assert loads(mended.arguments) == {"count": int(float(json.loads(text)["count"]))}
    assert verdict_of(text, PLAN, "report").arguments == text


@pytest.mark.parametrize(
    "text", ['{"count": 1.2345678901234567e18}', '{"count": 1e999999999}', '{"ratio": 2.0}', '{"name": "4475.0"}']
)
def test_what_is_no_certain_integer_is_left(text: str) -> None:
    """ARGS-11, ARGS-10: digits that a double has rounded are not made to look exact."""
    assert verdict_of(text, PLAN, "repair").arguments == text


@pytest.mark.parametrize(
    ("text", "mended"),
    [
        ('{"steps": "[{\\"id\\": 1}]"}', '{"steps":[{"id":1}]}'),
        ('{"where": "{\\"x\\": 12345678901234567890}"}', '{"where":{"x":12345678901234567890}}'),
        ('{"count": "12"}', '{"count":12}'),
        ('{"count": 4475.0}', '{"count":4475}'),
        ('{"count": 1e16}', '{"count":10000000000000000}'),
        ('{"ratio": "0.10"}', '{"ratio":0.10}'),
        ('{"on": "True"}', '{"on":true}'),
        ('{"name": 7}', '{"name":"7"}'),
        ('{"name": "7", "note": null, "count": "1"}', '{"name":"7","count":1}'),
        ('{"maybe": null, "count": "1"}', '{"maybe":null,"count":1}'),
        ('{"either": "3"}', '{"either":3}'),
        ('{"steps": {"id": 1}}', '{"steps":[{"id":1}]}'),
        ('{"steps": [{"id": "1"}]}', '{"steps":[{"id":1}]}'),
        ('```json\n{"count": 1}\n```', '{"count":1}'),
        ('{"count": 1, "name": "a,}",}', '{"count":1,"name":"a,}"}'),
    ],
)
def test_what_the_schema_leaves_one_reading_for_is_mended(text: str, mended: str) -> None:
    """ARGS-07, SCHEMA-04, SCHEMA-14."""
    verdict = verdict_of(text, PLAN, "repair")
    assert verdict.status == "repaired"
    assert loads(verdict.arguments) == loads(mended)
    assert verdict.arguments == mended
    assert verdict.repairs


@pytest.mark.parametrize(
    "text",
    [
        '{"count": "12", "name": "x',
        '{"count": "twelve"}',
        '{"count": 1.5}',
        '{"count": "1", "ratio": "much"}',
        '{"steps": "[1, 2"}',
        '{"steps": [{"id": null}]}',
        "no JSON at all",
        "[]",
    ],
)
def test_what_cannot_be_mended_stays_as_it_came(text: str) -> None:
    """ARGS-08: nothing is invented."""
    verdict = verdict_of(text, PLAN, "repair")
    assert verdict.status in {"invalid_json", "schema_mismatch"}
    assert verdict.arguments == text


def test_a_declared_string_is_never_touched() -> None:
    """ARGS-07: text that happens to be JSON stays text."""
    text = '{"name": "[1, 2]", "count": "1"}'
    assert json.loads(verdict_of(text, PLAN, "repair").arguments) == {"name": "[1, 2]", "count": 1}


def test_valid_arguments_keep_their_bytes_under_repair() -> None:
    """ARGS-12."""
    text = '{ "ratio" : 1.0e0 ,"name":"\\u00e9" }'
    assert verdict_of(text, PLAN, "repair").arguments == text


def test_reject_is_an_error_that_names_no_argument() -> None:
    with pytest.raises(InvalidToolCallError) as caught:
        verdict_of('{"name": "secret word", "count": []}', PLAN, "reject")
    assert "secret word" not in caught.value.message
    assert caught.value.code == "schema_mismatch"


NO_MEMBERS = {"type": "object", "properties": {}}


@pytest.mark.parametrize(("schema", "status"), [(NO_MEMBERS, "repaired"), (NEEDS_NAME, "schema_mismatch")])
def test_null_is_no_arguments_where_none_will_do(schema: Any, status: str) -> None:
    """ARGS-01, ARGS-08: Groq's models write it for tools without parameters."""
    assert verdict_of("null", schema).status == "schema_mismatch"
    verdict = verdict_of("null", schema, "repair")
    assert (verdict.status, verdict.arguments) == (status, "{}" if status == "repaired" else "null")


@pytest.mark.parametrize("policy", ["report", "repair"])
def test_null_is_said_as_no_arguments_where_only_an_object_can_be(policy: Policy) -> None:
    answer, report = response(("plan", " null ")), Report()
    whole, _ = judged(answer, Judge(request(NEEDS_NAME), policy), report, objects=True)
    passed, _ = watched(answer, Judge(request(NEEDS_NAME), policy), objects=True)
    for told in (whole, fold(passed)):
        assert [call.arguments for call in told.candidates[0].tool_calls] == ["{}"]
    assert report.adjustments == []


# ---- streams


def watched(answer: Response, judge: Judge, *, objects: bool = False) -> tuple[list[StreamEvent], CallWatch]:
    watch = CallWatch(judge, objects=objects)
    passed: list[StreamEvent] = []
    for event in unfold(answer):
        passed += watch.feed([event])
        if passed and isinstance(passed[-1], StreamError):
            break
    return passed, watch


ARGUMENTS = st.sampled_from(
    [
        "null",
        '{"name":"a"}',
        '{"name":1}',
        '{"name": "b", "x": [',
        "",
        "[]",
        "{}",
        '{"name":"1","steps":"[]"}',
        '"text"',
    ]
)


@settings(max_examples=200, deadline=None)
@given(
    calls=st.lists(st.tuples(st.sampled_from(["plan", "other", "ghost"]), ARGUMENTS), max_size=4),
    finish=st.sampled_from(["tool_calls", "length", "stop"]),
    policy=st.sampled_from(["report", "repair", "reject"]),
    objects=st.booleans(),
)
def test_stream_and_whole_answer_come_to_the_same(
    calls: list[tuple[str, str]], finish: FinishReason, policy: Policy, objects: bool
) -> None:
    answer = response(*calls, finish=finish)
    ask = request({**NEEDS_NAME, "properties": {"name": {"type": "string"}, "steps": {"type": "array"}}})
    passed, watch = watched(answer, Judge(ask, policy), objects=objects)
    report = Report()
    broken = [event.error for event in passed if isinstance(event, StreamError)]
    if broken:
        assert isinstance(passed[-1], StreamError)
        with pytest.raises(InvalidToolCallError):
            judged(answer, Judge(ask, policy), report, objects=objects)
        return
    whole, verdicts = judged(answer, Judge(ask, policy), report, objects=objects)
    assert watch.verdicts == verdicts
    assert len(watch.left_out) == len(report.adjustments)
    folded = fold(passed)
    assert [call.arguments for call in folded.candidates[0].tool_calls] == [
        call.arguments for call in whole.candidates[0].tool_calls
    ]
    assert [call.id for call in folded.candidates[0].tool_calls] == [call.id for call in whole.candidates[0].tool_calls]


def test_report_passes_every_event_as_it_comes() -> None:
    answer = response(("plan", '{"name":1}'), ("ghost", "{"))
    events = list(unfold(answer))
    watch = CallWatch(Judge(request(NEEDS_NAME), "report"), objects=False)
    assert [watch.feed([event]) for event in events] == [[event] for event in events]
    assert [verdict.status for verdict in watch.verdicts] == ["schema_mismatch", "unknown_tool"]


def test_interleaved_calls_are_held_apart_and_keep_their_order() -> None:
    """STREAM-04, for a face that needs each call whole."""
    first, second = (ToolCallPart(id=f"c{n}", name="plan", arguments="") for n in (0, 1))
    events: list[StreamEvent] = [
        PartStart(index=0, part=first),
        PartStart(index=1, part=second),
        PartDelta(index=1, text='{"name":'),
        PartDelta(index=0, text='{"name":"a"}'),
        PartDelta(index=1, text='"b"}'),
        PartEnd(index=1),
        PartEnd(index=0),
        CandidateEnd(finish=Finish(reason="tool_calls")),
    ]
    watch = CallWatch(Judge(request(NEEDS_NAME), "report"), objects=True)
    passed = [passed for event in events for passed in watch.feed([event])]
    kinds = [(type(event).__name__, getattr(event, "index", None)) for event in passed]
    whole = [(kind, index) for index in (0, 1) for kind in ("PartStart", "PartDelta", "PartEnd")]
    assert kinds == [*whole, ("CandidateEnd", None)]


@st.composite
def streams(draw: Any, finish: FinishReason) -> tuple[Response, list[StreamEvent]]:
    """An answer of texts and calls in any order, and a stream of it whose parts grow and end in any order."""
    candidates, queues = [], []
    for number in range(draw(st.integers(1, 2))):
        parts: list[Part] = []
        for index in range(draw(st.integers(0, 4))):
            name, arguments = draw(st.sampled_from(["plan", "other", "ghost", "note"])), draw(ARGUMENTS)
            call = ToolCallPart(id=f"c{number}{index}", name=name, arguments=arguments)
            parts.append(draw(st.sampled_from([call, call, TextPart(text=f"t{number}{index}")])))
        candidates.append(Candidate(index=number, parts=tuple(parts), finish=Finish(reason=finish)))
        queues.append(Response(candidates=(candidates[-1],)))
    events: list[StreamEvent] = []
    ends: list[StreamEvent] = []
    waiting: list[list[StreamEvent]] = []
    for queue in queues:
        for event in unfold(queue):
            match event:
                case PartStart():
                    while any(waiting) and draw(st.booleans()):
                        events.append(draw(st.sampled_from([left for left in waiting if left])).pop(0))
                    events.append(event)
                    waiting.append([])
                case PartDelta() | PartEnd():
                    waiting[-1].append(event)
                case CandidateEnd():
                    ends.append(event)
                case _:
                    pass
    while any(waiting):
        events.append(draw(st.sampled_from([left for left in waiting if left])).pop(0))
    return Response(candidates=tuple(candidates)), [ResponseStart(), *events, *ends, StreamEnd()]


@settings(max_examples=400, deadline=None)
@given(
    data=st.data(),
    finish=st.sampled_from(["tool_calls", "length", "stop"]),
    policy=st.sampled_from(["report", "repair", "reject"]),
    objects=st.booleans(),
)
def test_parts_that_grow_at_once_come_to_the_same_in_their_order(
    data: st.DataObject, finish: FinishReason, policy: Policy, objects: bool
) -> None:
    """STREAM-04, STREAM-15: whatever had to wait for a call goes on when its verdict is there, and the end is last."""
    answer, events = data.draw(streams(finish))
    ask = request({**NEEDS_NAME, "properties": {"name": {"type": "string"}, "steps": {"type": "array"}}})
    ask = msgspec.structs.replace(ask, tools=(*(ask.tools or ()), FunctionTool(name="note", kind="custom")))
    watch = CallWatch(Judge(ask, policy), objects=objects)
    passed: list[StreamEvent] = []
    for event in events:
        passed += watch.feed([event])
        if passed and isinstance(passed[-1], StreamError):
            break
    if isinstance(passed[-1], StreamError):
        with pytest.raises(InvalidToolCallError):
            judged(answer, Judge(ask, policy), Report(), objects=objects)
        return
    assert isinstance(passed[-1], StreamEnd)
    whole, _ = judged(answer, Judge(ask, policy), Report(), objects=objects)
    told = [[(type(part).__name__, said(part)) for part in one.parts] for one in fold(passed).candidates]
    assert told == [[(type(part).__name__, said(part)) for part in one.parts] for one in whole.candidates]
    ended: set[int] = set()
    for event in passed:
        if isinstance(event, CandidateEnd):
            ended.add(event.candidate)
        assert not isinstance(event, PartStart | PartDelta | PartEnd) or event.candidate not in ended


def said(part: Part) -> tuple[str, str]:
    """What a text or a call says."""
    return (part.id, part.arguments) if isinstance(part, ToolCallPart) else ("", getattr(part, "text", ""))


# ---- free-text tools


@pytest.mark.parametrize("objects", [False, True])
def test_a_free_text_tool_that_came_as_a_function_is_turned_back(objects: bool) -> None:
    """SCHEMA-20: where the wire has no free-text tools, the caller still reads raw text."""
    ask = Request(messages=(), tools=(FunctionTool(name="patch", kind="custom"), FunctionTool(name="plan")))
    answer = response(
        ("patch", '{"input":"*** Begin\\nPatch"}'), ("plan", "{}"), ("patch", '{"input":'), finish="length"
    )
    passed, watch = watched(answer, Judge(ask, "report"), objects=objects)
    whole, verdicts = judged(answer, Judge(ask, "report"), Report(), objects=objects)
    assert watch.verdicts == verdicts
    assert [verdict.status for verdict in verdicts] == ["complete", "complete", "incomplete"]
    calls = fold(passed).candidates[0].tool_calls
    assert [(call.kind, call.arguments) for call in calls] == [
        (call.kind, call.arguments) for call in whole.candidates[0].tool_calls
    ]
    assert (calls[0].kind, calls[0].arguments) == ("custom", "*** Begin\nPatch")
