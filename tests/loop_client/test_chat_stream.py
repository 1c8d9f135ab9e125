"""Folding chunks into a turn: the odd streams of real servers, and every recorded one."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai._models import construct_type
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk

from loop_client.chat_stream import ChatStream, ModelAnswer
from loop_client.errors import RunError
from loop_client.events import (
    FileOutput,
    ProviderToolActivity,
    ReasoningDelta,
    ResponseMetadata,
    SourceFound,
    TextDelta,
    ToolInputDelta,
    ToolInputStart,
)
from loop_client.jsontext import dumps, loads
from loop_client.sse import EventReader, EventTooLarge
from tests.loop_client.fake_server import call, delta, finish
from tests.traffic import Exchange, exchange_id, exchanges, needs_traffic


def fold(*chunks: Any, taken: tuple[str, ...] = ()) -> tuple[list[Any], ModelAnswer]:
    counter = itertools.count(1)
    stream = ChatStream(1, set(taken), lambda: f"new{next(counter)}")
    events: list[Any] = [event for chunk in chunks for event in stream.feed(json.dumps(chunk))]
    late, answer = stream.close()
    # What the server says about its answer has a test of its own.
    return [event for event in events + late if not isinstance(event, ResponseMetadata)], answer


def called(*chunks: Any) -> list[tuple[str, str, str]]:
    _, answer = fold(*chunks, finish("tool_calls"))
    assert [made["function"]["arguments"] for made in answer.message["tool_calls"]] == [
        made.arguments_text for made in answer.calls
    ]
    return [(made.id, made.name, made.arguments_text) for made in answer.calls]


def test_parallel_calls_that_are_all_numbered_0_stay_apart() -> None:
    """STREAM-01."""
    assert called(call(0, "a", "f", '{"x":1}'), call(0, "b", "f", '{"x":'), call(0, None, None, "2}")) == [
        ("a", "f", '{"x":1}'),
        ("b", "f", '{"x":2}'),
    ]


def test_calls_without_arguments_and_all_numbered_0_stay_apart() -> None:
    assert called(call(0, "a", "f", ""), call(0, "b", "g", "")) == [("a", "f", "{}"), ("b", "g", "{}")]


def test_interleaved_fragments_find_their_call() -> None:
    """STREAM-04."""
    fragments = [call(0, "a", "f", ""), call(1, "b", "g", "")]
    fragments += [call(0, None, None, '{"x"'), call(1, None, None, '{"y"'), call(0, None, None, ":1}")]
    assert called(*fragments, call(1, None, None, ":2}")) == [("a", "f", '{"x":1}'), ("b", "g", '{"y":2}')]


def test_fragments_without_an_index_are_joined_by_id_else_to_the_latest() -> None:
    fragments = [call(None, "a", "f", '{"x"'), call(None, None, None, ":1}"), call(None, "b", "f", "{}")]
    assert called(*fragments, call(None, "a", None, " ")) == [("a", "f", '{"x":1} '), ("b", "f", "{}")]


def test_calls_with_neither_index_nor_id_are_told_apart_by_name() -> None:
    """ID-06: an id is made for each."""
    assert called(call(None, None, "f", '{"x":1}'), call(None, None, "g", "{}")) == [
        ("new1", "f", '{"x":1}'),
        ("new2", "g", "{}"),
    ]


def test_a_new_id_with_every_fragment_is_one_call() -> None:
    """ID-14."""
    assert called(call(0, "a", "f", '{"x"'), call(0, "b", "", ":"), call(0, "c", "f", "1}")) == [("a", "f", '{"x":1}')]


def test_id_and_name_repeated_with_every_fragment_are_one_call_and_a_recap_is_ignored() -> None:
    """STREAM-08."""
    fragments = [call(0, "a", "f", '{"x"'), call(0, "a", "f", ":1}"), call(0, "a", "f", '{"x":1}')]
    assert called(*fragments, call(0, "a", "f", "")) == [("a", "f", '{"x":1}')]


@pytest.mark.parametrize("later", ["", None])
def test_an_empty_name_does_not_overwrite_one(later: str | None) -> None:
    """STREAM-09."""
    assert called(call(0, "a", "f", ""), call(0, None, later, "{}")) == [("a", "f", "{}")]


def test_a_name_that_comes_late_or_in_two_halves_is_put_together() -> None:
    """STREAM-09."""
    assert called(call(0, "a", "", ""), call(0, None, "get_", None), call(0, None, "it", None)) == [
        ("a", "get_it", "{}")
    ]


def test_a_placeholder_before_the_real_arguments_is_dropped() -> None:
    """ARGS-02."""
    assert called(call(0, "a", "f", "{}"), call(0, None, None, '{"x":1}')) == [("a", "f", '{"x":1}')]


def test_arguments_sent_as_an_object_become_text_once() -> None:
    """ARGS-05, ARGS-06."""
    fragment = delta(tool_calls=[{"index": 0, "id": "a", "function": {"name": "f", "arguments": {"n": 1, "x": None}}}])
    assert called(fragment) == [("a", "f", '{"n":1,"x":null}')]


def test_a_doubled_id_is_replaced_so_that_results_can_be_joined() -> None:
    """ID-02, ID-08."""
    assert [made[0] for made in called(call(0, "f", "f", "{}"), call(1, "f", "f", "{}"))] == ["f", "new1"]


def test_an_id_already_in_the_history_is_replaced() -> None:
    """ID-07."""
    _, answer = fold(call(0, "a", "f", "{}"), finish("tool_calls"), taken=("a",))
    assert answer.message["tool_calls"][0]["id"] == "new1"


def test_a_call_without_an_id_is_announced_with_one_and_all_its_arguments() -> None:
    events, answer = fold(call(0, None, "f", '{"x"'), call(0, None, None, ":1}"), finish("stop"))
    assert events == [ToolInputStart(1, "new1", "f"), ToolInputDelta(1, "new1", '{"x":1}')]
    assert answer.finish_reason == "tool_calls", "STREAM-13: stop, although there are calls"


def test_the_last_fragment_may_come_with_the_reason() -> None:
    """STREAM-05."""
    last = call(0, None, None, "1}")
    last["choices"][0]["finish_reason"] = "tool_calls"
    _, answer = fold(call(0, "a", "f", '{"x":'), last)
    assert answer.calls[0].arguments_text == '{"x":1}'


def test_words_after_an_early_reason_are_kept_and_the_last_reason_counts() -> None:
    """STREAM-11."""
    _, answer = fold(delta(content="a"), finish("stop"), delta(content="b"), finish("length"))
    assert (answer.text, answer.finish_reason) == ("ab", "length")


def test_chunks_without_choices_or_delta_change_nothing() -> None:
    """STREAM-19."""
    odd = [{}, {"choices": None}, {"choices": []}, {"choices": [{}]}, {"choices": [{"delta": None}]}]
    _, answer = fold(*odd, delta(content="hi"), *odd, finish("stop"))
    assert answer.message == {"role": "assistant", "content": "hi"}


def test_other_choices_are_not_mixed_in() -> None:
    other = {"choices": [{"index": 1, "delta": {"content": "no"}}]}
    assert fold(delta(content="hi"), other, finish("stop"))[1].text == "hi"


def test_reasoning_details_are_merged_by_index_and_type() -> None:
    """REASON-12."""
    first = {"type": "reasoning.text", "text": "I ", "format": "v1", "index": 0}
    second = {"type": "reasoning.text", "text": "see", "format": "v1", "index": 0, "signature": "S"}
    sealed = {"type": "reasoning.encrypted", "data": "D", "index": 0}
    chunks = [delta(reasoning_details=[item]) for item in (first, second, sealed)]
    _, answer = fold(*chunks, delta(content="hi"), finish("stop"))
    assert answer.message["reasoning_details"] == [
        {"type": "reasoning.text", "text": "I see", "format": "v1", "index": 0, "signature": "S"},
        sealed,
    ]


def test_reasoning_under_two_names_is_shown_once_and_both_are_kept() -> None:
    """REASON-19."""
    both = delta(reasoning="hm", reasoning_content="hm")
    events, answer = fold(both, both, delta(content="hi"), finish("stop"))
    assert events == [ReasoningDelta(1, "hm"), ReasoningDelta(1, "hm"), TextDelta(1, "hi")]
    assert answer.message["reasoning"] == answer.message["reasoning_content"] == "hmhm"


def test_content_as_parts_is_read_and_kept() -> None:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    events, answer = fold(delta(content=[thinking]), delta(content="hi"), finish("stop"))
    assert events == [ReasoningDelta(1, "hm"), TextDelta(1, "hi")]
    assert answer.message["content"] == [thinking, {"type": "text", "text": "hi"}]
    assert answer.text == "hi"


def test_what_the_server_says_about_its_answer_comes_once_and_first() -> None:
    stream = ChatStream(2, set(), lambda: "new")
    chunk = delta(content="hi") | {"id": "resp-1", "model": "gpt-x", "created": 1_700_000_000}
    events = [event for _ in range(2) for event in stream.feed(json.dumps(chunk))]
    assert events == [ResponseMetadata(2, "resp-1", "gpt-x", 1_700_000_000), TextDelta(2, "hi"), TextDelta(2, "hi")]
    stream.done = True
    assert stream.close()[1].model == "gpt-x"


def test_annotations_are_sources_and_images_are_files_and_both_are_kept() -> None:
    citation = {"type": "url_citation", "url_citation": {"url": "https://a.example/x", "title": "A", "start_index": 0}}
    document = {"type": "file_citation", "file_citation": {"filename": "b.pdf"}}
    image = {"type": "image_url", "image_url": {"url": "data:image/webp;base64,AA=="}}
    events, answer = fold(
        delta(content="hi", annotations=[citation]), delta(annotations=[document], images=[image]), finish("stop")
    )
    assert events == [
        TextDelta(1, "hi"),
        SourceFound(1, "source_1_1", "url", "https://a.example/x", "A", citation),
        SourceFound(1, "source_1_2", "document", None, "b.pdf", document),
        FileOutput(1, "image/webp", "data:image/webp;base64,AA=="),
    ]
    assert answer.message["annotations"] == [citation, document]
    assert answer.message["images"] == [image]


def test_tools_that_the_provider_ran_are_told_and_never_answered() -> None:
    """SERVER-03."""
    begun = {"index": 0, "type": "search", "arguments": '{"query": "x"}'}
    events, answer = fold(
        delta(executed_tools=[begun]),
        delta(executed_tools=[begun | {"output": "found"}]),
        delta(content="hi"),
        finish("stop"),
    )
    assert events == [
        ProviderToolActivity(1, "provider_1_0", "search", "input-available", '{"query": "x"}'),
        ProviderToolActivity(1, "provider_1_0", "search", "output-available", "found"),
        TextDelta(1, "hi"),
    ]
    assert answer.calls == ()


@pytest.mark.parametrize(
    "last",
    [
        finish("pause_turn"),
        finish("pause"),
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "native_finish_reason": "pause_turn"}]},
        finish("stop") | {"router": {"finish_reason": "pause"}},
    ],
)
def test_a_paused_turn_is_no_end(last: dict[str, Any]) -> None:
    """FINISH-05."""
    assert fold(delta(content="one moment"), last)[1].finish_reason == "pause"


def test_a_refusal_is_what_the_user_reads() -> None:
    events, answer = fold(delta(content=None, refusal="I can"), delta(refusal="not."), finish("stop"))
    assert answer.text == "I cannot."
    assert [event.text for event in events] == ["I can", "not."]
    assert answer.message == {"role": "assistant", "content": None, "refusal": "I cannot."}


def test_repeated_unknown_values_are_not_piled_up() -> None:
    chunks = [delta(channel="final", token_id=number, content="a") for number in range(3)]
    _, answer = fold(*chunks, finish("stop"))
    assert answer.message == {"role": "assistant", "channel": "final", "token_id": 2, "content": "aaa"}


def test_an_unknown_reason_is_kept_in_the_servers_word() -> None:
    """FINISH-02."""
    _, answer = fold(delta(content="hi"), finish("moon_phase"))
    assert (answer.finish_reason, answer.raw_finish_reason) == ("other", "moon_phase")


@needs_traffic
@pytest.mark.parametrize("exchange", [item for item in exchanges("openai-chat") if item.kind == "sse"], ids=exchange_id)
def test_every_recorded_stream_folds_as_the_official_sdk_folds_it(exchange: Exchange) -> None:
    """Whatever the bytes are cut into (STREAM-17)."""
    whole = _fold_bytes([exchange.sse.encode()])
    single = _fold_bytes([bytes([byte]) for byte in exchange.sse.encode()])
    assert dumps(_comparable(whole)) == dumps(_comparable(single))
    if isinstance(whole, RunError):
        assert '"error"' in exchange.sse, "only recordings of errors may fail"
        return
    expected = _sdk_message(exchange.sse)
    assert (whole.message.get("content") or "") == (expected.content or "")
    theirs = [(made.id, made.function.name, made.function.arguments or "{}") for made in expected.tool_calls or []]
    assert [(made.id, made.name, made.arguments_text) for made in whole.calls] == theirs


def _fold_bytes(pieces: list[bytes]) -> ModelAnswer | RunError:
    counter = itertools.count(1)
    stream, reader = ChatStream(1, set(), lambda: f"new{next(counter)}"), EventReader()
    try:
        for data in itertools.chain.from_iterable([*(reader.feed(piece) for piece in pieces), reader.close()]):
            for _ in stream.feed(data):
                pass
        return stream.close()[1]
    except RunError as error:
        return error


def _comparable(outcome: ModelAnswer | RunError) -> Any:
    return str(outcome) if isinstance(outcome, RunError) else [outcome.message, outcome.text, outcome.raw_finish_reason]


def _sdk_message(sse: str) -> Any:
    state: Any = ChatCompletionStreamState()
    for data in EventReader().feed(sse.encode() + b"\n\n"):
        if data.strip() != "[DONE]":
            chunk = json.loads(data)
            chunk["choices"] = chunk.get("choices") or []
            for choice in chunk["choices"]:
                for place, made in enumerate(choice.get("delta", {}).get("tool_calls") or []):
                    made.setdefault("index", place)
            state.handle_chunk(construct_type(value=chunk, type_=ChatCompletionChunk))
    return state.current_completion_snapshot.choices[0].message


@given(st.lists(st.binary(max_size=30)))
def test_arbitrary_bytes_never_break_the_event_reader_in_an_unforeseen_way(pieces: list[bytes]) -> None:
    reader = EventReader()
    try:
        for piece in pieces:
            list(reader.feed(piece))
        list(reader.close())
    except UnicodeDecodeError:
        pass


def test_the_event_reader_follows_the_standard() -> None:
    """STREAM-18, and an end without a blank line."""
    text = (
        "\ufeff: comment\r\nevent: ping\rid: 7\ndata:one\ndata: two\r\n\r\nretry: 3\n\ndata\n\ndata: é[DONE]".encode()
    )
    expected = ["one\ntwo", "", "é[DONE]"]
    for size in (1, 2, 3, len(text)):
        reader = EventReader()
        pieces = [text[start : start + size] for start in range(0, len(text), size)]
        assert [data for piece in pieces for data in reader.feed(piece)] + list(reader.close()) == expected


def test_the_event_reader_bounds_an_event_but_not_a_stream() -> None:
    reader = EventReader(maximum_characters=100)
    for _ in range(50):
        list(reader.feed(b": a heartbeat that is long\n"))
        assert list(reader.feed(b"data: small\n\n")) == ["small"]
    with pytest.raises(EventTooLarge):
        list(reader.feed(b"data: " + b"x" * 200))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_json_text_survives_reading_and_writing(value: object) -> None:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    assert dumps(loads(text)) == text


@pytest.mark.parametrize("text", ["1.0", "1e5", "1E+05", "-0", "0.10", "12345678901234567890", "-0.0", "1e400"])
def test_number_literals_keep_their_spelling(text: str) -> None:
    assert dumps(loads(text)) == text


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_json_has_not_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match="is not JSON"):
        dumps(value)


@pytest.mark.parametrize("value", [object(), {1: 2}, {1, 2}, b"x"])
def test_values_that_json_has_not_are_refused(value: object) -> None:
    with pytest.raises(TypeError, match="no JSON form"):
        dumps(value)
