"""The compiled reader of plainly spelled requests says what the codec says, for any body and every shipped host."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.dialects import DIALECTS
from providers.dialects.openai_chat import DIALECT
from providers.dialects.openai_chat.plain_request import read_plain
from providers.dialects.openai_chat.plain_tools import read_tools
from providers.spec.adjustments import Report
from providers.spec.errors import RouterError
from providers.spec.profile import Profile, Target
from providers.spec.request import Request
from providers.spec.values import Form
from providers.upstreams.catalog import builtin_profiles, builtin_rows
from providers.wire.json import JsonError, check_depth, dumps, loads, loads_object

PROFILES = [
    Profile(),
    *(builtin_profiles()[row.profile] for row in builtin_rows().values() if row.dialect == "openai-chat"),
]

SCHEMA: Any = {
    "type": "object",
    "properties": {"city": {"type": "string", "enum": ["a[", "{"]}},
    "x": [1.50, -0.0, 1e5],
}


def call(call_id: str = "call_1", name: str = "look", arguments: str = "{}") -> Any:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def mostly(good: st.SearchStrategy[Any], odd: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Odd enough to try every way out, and not so odd that none but the ways out are tried."""
    return st.integers(0, 24).flatmap(lambda number: odd if number == 0 else good)


def among(*good: Any, odd: list[Any]) -> st.SearchStrategy[Any]:
    return mostly(st.sampled_from(good), st.sampled_from(odd))


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.just(...) | strategy


def _with(base: dict[str, Any], optional: dict[str, Any], odd: dict[str, Any] | None = None) -> dict[str, Any]:
    return base | {key: value for key, value in optional.items() if value is not ...} | (odd or {})


NAMES = among("look", "get_weather", odd=["a.b", "x" * 70, ""])
IDS = among(
    "call_1", "call_2", "abcdefghi", odd=["toolu_01/é", "x" * 80, "", "call_1.router.v1.e30", "call_1__thought__c2ln"]
)
MARKED = ["a.router.v1.e30", "a__thought__b"]
TEXTS = st.sampled_from(["x", "é", '"model":"x"', "\\", "}", *MARKED]) | mostly(
    st.text(min_size=1, max_size=8), st.just("")
)
ITEMS = mostly(
    st.lists(st.builds(lambda text: {"type": "text", "text": text}, TEXTS), min_size=1, max_size=2),
    st.sampled_from([[], [{"type": "image_url", "image_url": {"url": "https://x.y/z.png"}}]]),
)
CONTENTS = mostly(TEXTS | ITEMS, st.sampled_from([None, ..., 1]))
CALLS = mostly(st.lists(st.builds(call, IDS, NAMES, TEXTS), min_size=1, max_size=2), st.just([]))
ODD = among({}, odd=[{"refusal": None}, {"name": "n"}, {"annotations": []}, {"reasoning_content": "r"}, {"index": 0}])

MESSAGES = st.lists(
    st.one_of(
        st.builds(
            _with,
            st.builds(lambda role: {"role": role}, among("system", "developer", "user", odd=["other"])),
            st.fixed_dictionaries({"content": CONTENTS}),
            ODD,
        ),
        st.builds(
            _with,
            st.just({"role": "assistant"}),
            st.fixed_dictionaries({"content": CONTENTS | st.none() | st.just(...), "tool_calls": CALLS}),
            ODD,
        ),
        st.builds(
            _with,
            st.just({"role": "tool"}),
            st.fixed_dictionaries({"content": CONTENTS, "tool_call_id": mostly(IDS, st.just(...))}),
            ODD,
        ),
    ),
    min_size=1,
    max_size=4,
)
SCHEMAS = among(SCHEMA, {}, {"type": "object", "model": 1}, odd=[True, None, []])
TOOLS = st.lists(
    st.builds(
        lambda name, more, kind: {"type": kind, "function": _with({"name": name}, more)},
        NAMES,
        st.fixed_dictionaries(
            {"description": maybe(TEXTS), "parameters": maybe(SCHEMAS), "strict": maybe(st.booleans())}
        ),
        among("function", odd=["custom", "web_search"]),
    ),
    min_size=1,
    max_size=3,
)
NUMBERS = among(0, 1, -1, 0.2, 1.0, 1e5, odd=["x", None, True])
BODIES = st.builds(
    _with,
    st.fixed_dictionaries({"messages": MESSAGES}),
    st.fixed_dictionaries(
        {
            "model": among("openai/gpt-4.1", 'a"b/é', odd=["", ...]),
            "tools": maybe(mostly(TOOLS, st.just([]))),
            "tool_choice": maybe(among("auto", "none", "required", odd=["any", {"type": "auto"}])),
            "parallel_tool_calls": maybe(st.booleans()),
            "stream": maybe(st.booleans()),
            "stream_options": maybe(among({"include_usage": True}, {"include_usage": False}, odd=[{}, {"x": 1}])),
            "max_tokens": maybe(among(1, 1024, odd=[0, 1.0, "1"])),
            "max_completion_tokens": maybe(maybe(among(1, 1024, odd=[None]))),
            "temperature": maybe(NUMBERS),
            "top_p": maybe(NUMBERS),
            "stop": maybe(among("a", ["a", "b"], [], odd=[[1], None])),
            "seed": maybe(among(0, 7, odd=[1.5])),
            "reasoning_effort": maybe(among("low", "none", odd=[None])),
        }
    ),
    among({}, odd=[{"user": "u"}, {"n": 1}]),
)
SPACES = st.sampled_from([(",", ":"), (", ", ": ")])


def unspelled(value: Any) -> Any:
    """The value without any form, and numbers as they were written."""
    if isinstance(value, msgspec.Struct):
        fields = {field: getattr(value, field) for field in value.__struct_fields__}
        return (type(value).__name__, {key: unspelled(item) for key, item in fields.items() if key != "form"})
    if isinstance(value, list | tuple):
        return [unspelled(item) for item in value]
    if isinstance(value, dict):
        return {key: unspelled(item) for key, item in value.items()}
    assert not isinstance(value, Form)
    return dumps(value) if isinstance(value, float) else value


@given(BODIES, SPACES, st.booleans())
def test_what_is_read_plainly_is_what_the_codec_reads(body: Any, space: tuple[str, str], ascii: bool) -> None:
    raw = json.dumps(body, separators=space, ensure_ascii=ascii).encode()
    plain = read_plain(raw, 100)
    if plain is None:
        return
    request = DIALECT.decode_request(loads_object(raw))
    assert unspelled(plain.request()) == unspelled(request)
    assert (plain.model, plain.stream, plain.stream_usage) == (request.model, request.stream, request.stream_usage)
    assert plain.tool_names == tuple(tool.name for tool in request.tools or ())
    assert unspelled(plain.tool_choice) == unspelled(request.tool_choice)
    assert plain.thinks is (request.reasoning is not None)


@given(BODIES, SPACES, st.sampled_from(PROFILES))
def test_what_is_relayed_plainly_is_what_the_codec_writes(body: Any, space: tuple[str, str], profile: Profile) -> None:
    raw = json.dumps(body, separators=space).encode()
    plain = read_plain(raw, 100)
    target = Target(provider="p", model='host/"é', dialect="openai-chat", profile=profile)
    report, expected_report = Report(), Report()
    relayed = None if plain is None else plain.relayed(target, report)
    if relayed is None:
        return
    expected = DIALECT.encode_request(DIALECT.decode_request(loads_object(raw)), target, expected_report)
    assert relayed.content is not None
    assert exact(loads(relayed.content)) == exact(expected.body)
    assert (relayed.path, relayed.headers) == (expected.path, expected.headers)
    assert report.adjustments == expected_report.adjustments


@given(BODIES, st.sampled_from(["anthropic", "google"]), st.booleans())
def test_what_is_read_plainly_is_translated_as_the_codec_reads_it(body: Any, provider: str, stream: bool) -> None:
    """The wires that are given no spelling need none."""
    raw = json.dumps(body).encode()
    plain = read_plain(raw, 100)
    if plain is None:
        return
    row = builtin_rows()[provider]
    target = Target(provider=provider, model="m", dialect=row.dialect, profile=builtin_profiles()[row.profile])
    expected = _translated(DIALECT.decode_request(loads_object(raw)), target)
    assert _translated(plain.request(), target) == expected
    # Once more, now that its tools are known.
    again = read_plain(raw, 100)
    assert again is not None
    assert _translated(again.request(), target) == expected


@given(st.lists(TOOLS, min_size=2, max_size=3), st.sampled_from(["anthropic", "google"]), st.randoms())
def test_tools_known_from_other_lists_are_translated_as_the_codec_reads_them(
    lists: Any, provider: str, random: Any
) -> None:
    """An agent changes one tool among many: the others leave as they always do, in whatever list they stand."""
    row = builtin_rows()[provider]
    target = Target(provider=provider, model="m", dialect=row.dialect, profile=builtin_profiles()[row.profile])
    mixed = [tool for each in lists for tool in each]
    random.shuffle(mixed)
    for tools in (*lists, mixed, mixed[1:]):
        body = {"model": "a/b", "messages": [{"role": "user", "content": "x"}], "tools": tools}
        raw = json.dumps(body, separators=(",", ":")).encode()
        plain = read_plain(raw, 100)
        if plain is None:
            continue
        expected = _translated(DIALECT.decode_request(loads_object(raw)), target)
        assert _translated(plain.request(), target) == expected


def test_a_tool_is_read_once_whatever_list_it_stands_in() -> None:
    first, second = (json.dumps({"type": "function", "function": {"name": name}}).encode() for name in ("a", "b"))
    one, both = read_tools(b"[%b]" % second), read_tools(b"[%b, %b]" % (first, second))
    assert one is not None
    assert both is not None
    assert both.names == ("a", "b")
    assert both.tools[1] is one.tools[0]


def _translated(request: Request, target: Target) -> Any:
    report = Report()
    try:
        encoded = DIALECTS[target.dialect].encode_request(request, target, report)
    except RouterError as error:
        return repr(error), report.adjustments
    return dumps(encoded.body), encoded.path, encoded.headers, report.adjustments


def exact(value: Any) -> Any:
    """Members in any order, numbers as they were written."""
    if isinstance(value, dict):
        return {key: exact(item) for key, item in value.items()}
    if isinstance(value, list):
        return [exact(item) for item in value]
    return dumps(value) if isinstance(value, float) else value


FULL: Any = {
    "model": "openai/gpt-4.1",
    "messages": [
        {"role": "system", "content": "s"},
        {"role": "user", "content": [{"type": "text", "text": "é"}]},
        {"role": "assistant", "content": None, "tool_calls": [call()]},
        {"role": "tool", "tool_call_id": "call_1", "content": "found"},
    ],
    "tools": [{"type": "function", "function": {"name": "look", "description": "d", "parameters": SCHEMA}}],
    "tool_choice": "auto",
    "temperature": 0.2,
    "max_tokens": 9,
    "stream": True,
    "stream_options": {"include_usage": True},
}


def test_what_clients_write_is_read_plainly_and_relayed() -> None:
    """A law that nothing reaches would hold as well."""
    raw = json.dumps(FULL, separators=(",", ":")).encode()
    plain = read_plain(raw, 100)
    assert plain is not None
    target = Target(provider="p", model="gpt-4.1", dialect="openai-chat", profile=builtin_profiles()["openai"])
    relayed = plain.relayed(target, Report())
    assert relayed is not None
    assert relayed.content == raw.replace(b"openai/", b"").replace(b'"max_tokens"', b'"max_completion_tokens"')


@pytest.mark.parametrize(
    "wrong",
    [
        {"n": 2}, {"router": {"on_loss": "refuse"}}, {"temperature": True}, {"temperature": "1"}, {"messages": []},
        {"tools": []}, {"messages": [{"role": "user"}]}, {"messages": [{"role": "assistant", "content": ""}]},
        {"messages": [{"role": "user", "content": "x", "tool_call_id": "y"}]}, {"max_tokens": 1.5}, {"stream": None},
    ],
)  # fmt: skip
def test_any_other_spelling_is_left_to_the_codec(wrong: dict[str, Any]) -> None:
    assert read_plain(json.dumps({**FULL, **wrong}).encode(), 100) is None


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b'{"model":"a"}', b"\xff", b'{"model":"a","messages":[],"x":1}'])
def test_what_is_no_request_is_left_to_the_codec(raw: bytes) -> None:
    assert read_plain(raw, 100) is None


def test_a_schema_that_is_no_text_is_not_read() -> None:
    """Kept as bytes, it would reach the provider without having been read as text."""
    raw = json.dumps(FULL).encode().replace(b'"city"', b'"\xff"')
    assert read_plain(raw, 100) is None


@given(st.integers(0, 12), st.integers(1, 12), st.sampled_from(["[", '{"a":']))
def test_nothing_deeper_than_allowed_is_read(depth: int, limit: int, opening: str) -> None:
    schema = opening * depth + "1" + ("]" if opening == "[" else "}") * depth
    tools = f'[{{"type":"function","function":{{"name":"a","parameters":{{"x":{schema}}}}}}}]'
    raw = f'{{"model":"a/b","messages":[{{"role":"user","content":"x"}}],"tools":{tools}}}'.encode()
    if read_plain(raw, limit) is not None:
        check_depth(loads(raw), limit)


@pytest.mark.parametrize("mark", [".router.", "__thought__"])
def test_state_is_looked_for_in_ids_and_nowhere_else(mark: str) -> None:
    said = [{"role": "user", "content": mark}, *FULL["messages"]]
    assert read_plain(json.dumps({**FULL, "messages": said}).encode(), 100) is not None
    called, answered = call(f"a{mark}b"), {"role": "tool", "tool_call_id": f"a{mark}b", "content": "found"}
    for message in ({"role": "assistant", "tool_calls": [call(), called]}, answered):
        assert read_plain(json.dumps({**FULL, "messages": [*said, message]}).encode(), 100) is None


def test_the_first_tool_of_a_name_has_its_schema() -> None:
    plain = read_plain(json.dumps(FULL, separators=(",", ":")).encode(), 100)
    assert plain is not None
    assert plain.schema_text("look") == json.dumps(SCHEMA, separators=(",", ":")).encode()
    assert plain.schema_text("other") is None


@given(st.binary(max_size=60))
def test_no_bytes_make_the_reader_fail(noise: bytes) -> None:
    for raw in (noise, json.dumps(FULL).encode()[:-20] + noise):
        plain = read_plain(raw, 100)
        if plain is None:
            continue
        try:
            plain.request()
        except (JsonError, RouterError):
            continue
