"""The scripted provider as a host: which turn it plays, in what rhythm, with which faults."""

from __future__ import annotations

import re
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest

from providers.dialects.openai_chat import DIALECT
from providers.spec.dialect import EncodedRequest
from providers.spec.errors import ProviderConnectionError
from providers.spec.events import PartDelta, StreamEnd, StreamEvent
from providers.spec.fold import fold
from providers.spec.parts import ReasoningPart, TextPart, ToolCallPart
from providers.spec.response import Usage
from providers.spec.values import Json
from providers.upstreams.base import PreparedCall, ProviderRow, UpstreamAnswer
from providers.upstreams.factory import open_upstream
from providers.upstreams.pool import Pool
from providers.upstreams.scripted import ScriptedUpstream
from tests.upstreams.scripts import ORIGIN, answer_of, history, played, playing, refused

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "scripted.md"

TWO_TURNS = """
[[turns]]
reasoning = "Hm."
text = "Let me see."
tool_calls = [{ name = "look", arguments = { where = "here", deep = true } }, { name = "wait" }]

[[turns]]
text = "It is {{look/found}}."
"""


async def events_of(answer: UpstreamAnswer) -> list[StreamEvent]:
    """The events of a streamed answer."""
    decoder = DIALECT.stream_decoder(ORIGIN)
    events: list[StreamEvent] = []
    async for piece in answer.chunks():
        events += decoder.feed(piece)
    return [*events, *decoder.close()]


def said(parts: Sequence[object]) -> list[str]:
    """The parts, as short text."""
    shown = []
    for part in parts:
        match part:
            case TextPart(text=text):
                shown.append(text)
            case ReasoningPart(text=text):
                shown.append(f"({text})")
            case ToolCallPart(name=name, arguments=arguments):
                shown.append(f"{name}{arguments}")
            case _:
                shown.append(type(part).__name__)
    return shown


# ---- which turn


async def test_the_history_decides_the_turn(tmp_path: Path) -> None:
    upstream = playing(tmp_path, TWO_TURNS)
    first = await played(upstream, history())
    assert said(first.candidates[0].parts) == ["(Hm.)", "Let me see.", 'look{"where":"here","deep":true}', "wait{}"]
    second = await played(upstream, history((("look", '{"found": 7}'), ("wait", "ok"))))
    assert said(second.candidates[0].parts) == ["It is 7."]
    finishes = [answer.candidates[0].finish for answer in (first, second)]
    assert [finish.reason for finish in finishes if finish is not None] == ["tool_calls", "stop"]


async def test_the_same_request_gets_the_same_bytes(tmp_path: Path) -> None:
    for stream in (False, True):
        seen = set()
        for _ in range(3):
            answer = await answer_of(playing(tmp_path, TWO_TURNS), history(), stream=stream)
            seen.add(b"".join([piece async for piece in answer.chunks()]))
        assert len(seen) == 1


async def test_ids_of_calls_differ_over_the_whole_conversation(tmp_path: Path) -> None:
    """ID-07, ID-08."""
    script = "[[turns]]\ntool_calls = [{name = 'a'}, {name = 'a'}]\n" * 2
    upstream = playing(tmp_path, script)
    answers = [await played(upstream, history()), await played(upstream, history((("a", ""), ("a", ""))))]
    ids = [call.id for answer in answers for call in answer.candidates[0].tool_calls]
    assert len(set(ids)) == 4
    assert all(re.fullmatch(r"call_[a-zA-Z0-9]{20}", each) for each in ids)


async def test_a_request_beyond_the_last_turn_is_refused(tmp_path: Path) -> None:
    messages = history((("look", '{"found": 7}'), ("wait", "")), ())
    assert await refused(playing(tmp_path, TWO_TURNS), messages) == (
        400,
        "the script of 'any' has 2 turns; the request asks for turn 3",
    )


async def test_a_named_model_has_its_own_turns(tmp_path: Path) -> None:
    upstream = playing(tmp_path, "[[models.one]]\ntext = 'I'\n[[models.two]]\ntext = 'II'")
    assert upstream.models == ("one", "two")
    assert said((await played(upstream, history(), model="two")).candidates[0].parts) == ["II"]
    assert await refused(upstream, history(), model="three") == (404, "the script has no model 'three'")
    upstream = playing(tmp_path, "[[models.one]]\ntext = 'I'\n[[turns]]\ntext = 'other'")
    assert said((await played(upstream, history(), model="three")).candidates[0].parts) == ["other"]


async def test_a_reference_that_finds_nothing_is_an_answer_that_says_so(tmp_path: Path) -> None:
    upstream = playing(tmp_path, "[[turns]]\ntext = 'x {{look/found}}'")
    assert await refused(upstream, history()) == (400, "turn 1 of the script: 'look/found': there is no such result")


async def test_a_call_may_be_left_out_where_its_reference_finds_nothing(tmp_path: Path) -> None:
    call = "{name = 'a', arguments = {x = '{{0/x}}'}}"
    skipped = call.removesuffix("}") + ", missing = 'skip'}"
    upstream = playing(tmp_path, f"[[turns]]\ntext = 't'\ntool_calls = [{skipped}, {{name = 'b'}}]")
    assert said((await played(upstream, history())).candidates[0].parts) == ["t", "b{}"]
    upstream = playing(tmp_path, f"[[turns]]\ntool_calls = [{call}]")
    assert (await refused(upstream, history()))[0] == 400
    upstream = playing(tmp_path, f"[[turns]]\ntool_calls = [{skipped}]")
    finish = (await played(upstream, history())).candidates[0].finish
    assert finish is not None
    assert finish.reason == "stop"


async def test_arguments_that_are_text_are_sent_verbatim(tmp_path: Path) -> None:
    """ARGS-09: broken JSON can be played."""
    upstream = playing(tmp_path, """[[turns]]\ntool_calls = [{name = 'a', arguments = '{"x": {{0}} [' }]""")
    (call,) = (await played(upstream, history())).candidates[0].tool_calls
    assert call.arguments == '{"x": {{0}} ['


async def test_a_finish_of_its_own(tmp_path: Path) -> None:
    """FINISH-03."""
    upstream = playing(tmp_path, """[[turns]]\ntool_calls = [{name = 'a', arguments = '{"x": ' }]\nfinish = 'length'""")
    finish = (await played(upstream, history())).candidates[0].finish
    assert finish is not None
    assert (finish.reason, finish.raw) == ("length", "length")


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"model": "any"}', b'{"model": "any", "messages": 7}'])
async def test_a_request_that_is_none_is_refused_like_a_host_does(tmp_path: Path, body: bytes) -> None:
    upstream = playing(tmp_path, TWO_TURNS)
    call = PreparedCall(method="POST", url="scripted:/chat/completions", headers={}, body=body, stream=False)
    answer = await upstream.send(call)
    error = DIALECT.decode_error(answer.status, b"".join([piece async for piece in answer.chunks()]))
    assert (error.status, error.type) == (400, "invalid_request_error")
    assert error.message


# ---- usage


async def test_usage_is_what_the_turn_says(tmp_path: Path) -> None:
    upstream = playing(tmp_path, "[[turns]]\ntext = 'a'\nusage = {input_tokens = 120, output_tokens = 12}")
    expected = (120, 12, 132)
    assert counts((await played(upstream, history())).usage) == expected
    answer = await answer_of(upstream, history(), stream=True, fields={"stream_options": {"include_usage": True}})
    assert counts(fold(await events_of(answer)).usage) == expected


async def test_usage_is_a_quarter_of_the_characters_otherwise(tmp_path: Path) -> None:
    upstream = playing(tmp_path, "[[turns]]\n[[turns]]\ntext = 'nine char'\ntool_calls = [{name = 'ab'}]")
    messages = history((("look", "12345"),))
    # "Go on." 2, the call "look{}" 2, its result 2; "nine char" 3, "ab{}" 1.
    assert counts((await played(upstream, messages)).usage) == (6, 4, 10)


def counts(usage: Usage | None) -> tuple[int | None, int | None, int | None]:
    """Input, output, total."""
    assert usage is not None
    return usage.input_tokens, usage.output_tokens, usage.total_tokens


# ---- streams


async def test_the_stream_says_what_the_plain_answer_says(tmp_path: Path) -> None:
    """STREAM-24."""
    upstream = playing(tmp_path, TWO_TURNS)
    for messages in (history(), history((("look", '{"found": 7}'), ("wait", "")))):
        answer = await answer_of(upstream, messages, stream=True)
        assert answer.headers["content-type"] == "text/event-stream"
        streamed = fold(await events_of(answer))
        plain = await played(upstream, messages)
        assert said(streamed.candidates[0].parts) == said(plain.candidates[0].parts)
        assert [call.id for call in streamed.candidates[0].tool_calls] == [
            call.id for call in plain.candidates[0].tool_calls
        ]
        assert (streamed.id, streamed.model) == (plain.id, plain.model)


@pytest.mark.parametrize("size", [1, 2, 5, 1000])
async def test_chunks_are_as_long_as_the_turn_says(tmp_path: Path, size: int) -> None:
    """ARGS-13: cut on characters, an emoji is never halved."""
    script = (
        f"[[turns]]\nchunk_size = {size}\ntext = 'ab🙂de'\ntool_calls = [{{name = 'x', arguments = {{k = '🙂🙂'}}}}]"
    )
    answer = await answer_of(playing(tmp_path, script), history(), stream=True)
    events = await events_of(answer)
    deltas = [event.text for event in events if isinstance(event, PartDelta)]
    assert max(map(len, deltas)) <= size
    assert "".join(deltas) == 'ab🙂de{"k":"🙂🙂"}'
    text, arguments = "ab🙂de", '{"k":"🙂🙂"}'
    assert len(deltas) == -(-len(text) // size) + -(-len(arguments) // size)


async def test_a_stream_is_cut_where_the_turn_says(tmp_path: Path) -> None:
    """STREAM-15."""
    upstream = playing(tmp_path, "[[turns]]\ntext = 'some words'\nchunk_size = 1\ncut_after_chunks = 4")
    answer = await answer_of(upstream, history(), stream=True)
    pieces = aiter(answer.chunks())
    before = [await anext(pieces) for _ in range(4)]
    with pytest.raises(ProviderConnectionError, match="cut by the script") as caught:
        await anext(pieces)
    assert b"[DONE]" not in b"".join(before)
    assert caught.value.provider == "played"
    assert said((await played(upstream, history())).candidates[0].parts) == ["some words"]


@pytest.mark.parametrize("after", [0, 1000])
async def test_a_cut_at_once_and_a_cut_that_is_never_reached(tmp_path: Path, after: int) -> None:
    upstream = playing(tmp_path, f"[[turns]]\ntext = 'words'\ncut_after_chunks = {after}")
    answer = await answer_of(upstream, history(), stream=True)
    if after:
        assert isinstance((await events_of(answer))[-1], StreamEnd)
    else:
        with pytest.raises(ProviderConnectionError):
            await anext(aiter(answer.chunks()))


async def test_delays_are_kept(tmp_path: Path) -> None:
    upstream = playing(tmp_path, "[[turns]]\ntext = 'abc'\nchunk_size = 1\nfirst_delay_ms = 60\ndelay_ms = 30")
    began = time.monotonic()
    answer = await answer_of(upstream, history(), stream=True)
    first = time.monotonic()
    pieces = [piece async for piece in answer.chunks()]
    assert first - began >= 0.06
    assert time.monotonic() - first >= 0.03 * (len(pieces) - 1)
    began = time.monotonic()
    await played(upstream, history())
    assert time.monotonic() - began >= 0.06


# ---- errors


@pytest.mark.parametrize("stream", [False, True])
async def test_a_turn_may_be_an_error(tmp_path: Path, stream: bool) -> None:
    """ERROR-02, ERROR-05."""
    error = "{status = 429, message = 'slow down', type = 'rate_limit_error', retry_after = 1.5}"
    answer = await answer_of(playing(tmp_path, f"[[turns]]\nerror = {error}"), history(), stream=stream)
    assert (answer.status, answer.headers["retry-after"]) == (429, "1.5")
    decoded = DIALECT.decode_error(answer.status, b"".join([piece async for piece in answer.chunks()]))
    assert (decoded.status, decoded.message, decoded.type) == (429, "slow down", "rate_limit_error")
    assert decoded.retryable is True


# ---- as an upstream


async def test_it_is_opened_like_every_other_provider() -> None:
    row = ProviderRow(name="scripted", dialect="openai-chat", base_url="scripted:")
    async with Pool() as pool:
        upstream = await open_upstream(row, pool)
    assert isinstance(upstream, ScriptedUpstream)
    request = EncodedRequest(path="/chat/completions", body={"model": "demo"}, headers={"x-dialect": "1"})
    assert upstream.prepare(request, stream=True) == PreparedCall(
        method="POST",
        url="scripted:/chat/completions",
        headers={"content-type": "application/json", "x-dialect": "1"},
        body=b'{"model":"demo"}',
        stream=True,
    )
    await upstream.aclose()


# ---- the document


def blocks(language: str) -> list[str]:
    """The examples of the document in this language."""
    return re.findall(rf"```{language}\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)


async def test_the_example_of_the_document_plays(tmp_path: Path) -> None:
    (script,) = [block for block in blocks("toml") if "[[turns]]" in block]
    upstream = playing(tmp_path, script)
    first = await played(upstream, history())
    assert said(first.candidates[0].parts) == ["Let me see.", 'get_weather{"city":"Paris"}']
    second = await played(upstream, history((("get_weather", '{"celsius": 21, "city": "Paris"}'),)))
    assert said(second.candidates[0].parts) == ["It is 21 degrees in Paris."]
    assert counts(second.usage) == (120, 12, 132)


def test_the_document_names_every_field_of_a_turn() -> None:
    from providers.upstreams.scripted.script import ScriptedCall, ScriptedError, ScriptedUsage, Turn

    text = DOCUMENT.read_text("utf-8")
    for kind in (Turn, ScriptedCall, ScriptedError, ScriptedUsage):
        for field in kind.__struct_fields__:
            assert re.search(rf"[`{{ ,]{field}[`}} ,]", text), f"{field} of {kind.__name__}"


@pytest.mark.parametrize(
    "line", [line for line in DOCUMENT.read_text("utf-8").splitlines() if line.startswith("| `{{")]
)
def test_the_references_of_the_document_find_what_it_says(line: str) -> None:
    from providers.upstreams.scripted.references import filled
    from tests.upstreams.test_scripted_references import results

    listing = '{"entries": [{"type": "directory"}, {"type": "file", "path": "a"}, {}, {"path": "fourth"}]}'
    weather = (("get_weather", '{"celsius": 21}'), ("get_weather", '{"celsius": 28}'))
    found = results(weather, (("filetree_list", listing),))
    expected: dict[str, Json] = {
        "{{get_weather/celsius}}": 21,
        "{{get_weather#1/celsius}}": 28,
        "{{0/entries/3/path}}": "fourth",
        "{{filetree_list/entries/type=file/0/path}}": "a",
        "{{filetree_list/entries | count}}": 4,
        "{{get_weather/wind ?? calm}}": "calm",
    }
    reference = line.replace("\\|", "¦").split("|")[1].strip().strip("`").replace("¦", "|")
    assert filled(reference, found) == expected[reference]


async def test_the_rows_of_the_document_are_served(tmp_path: Path) -> None:
    """The configuration that it shows, beside a script of that name."""
    from router.config import load_config

    (configuration,) = [block for block in blocks("toml") if "[providers." in block]
    (script,) = [block for block in blocks("toml") if "[[turns]]" in block]
    (tmp_path / "router.toml").write_text(configuration)
    (tmp_path / "weather.toml").write_text(script)
    rows = load_config(tmp_path / "router.toml", {}).rows
    (name,) = tomllib.loads(configuration)["providers"]
    upstream = ScriptedUpstream(rows[name])
    assert said((await played(upstream, history())).candidates[0].parts)[0] == "Let me see."
