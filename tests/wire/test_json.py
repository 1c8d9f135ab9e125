"""JSON survives a round trip: literals, integers, order, surrogates; and bad text is one kind of error."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.spec.errors import RequestTooLargeError
from providers.spec.values import Json
from providers.wire.json import FloatLiteral, JsonError, check_depth, dumps, loads, loads_object, type_name

NUMBERS = ["1.0", "1e5", "1E+5", "0.10", "-0", "-0.0", "12345678901234567890123", "1e-3", "-1.5e300", "0", "-7"]


@pytest.mark.parametrize("literal", NUMBERS)
def test_number_literals_are_written_as_they_were_read(literal: str) -> None:
    """ARGS-10, ARGS-12: no rounding, no re-spelling."""
    text = f'{{"b":[{literal}],"a":{literal}}}'.encode()
    assert dumps(loads(text)) == text


def test_floats_still_count_as_floats() -> None:
    value = loads("[1.50]")
    assert isinstance(value, list)
    number = value[0]
    assert isinstance(number, FloatLiteral)
    assert number == 1.5
    assert number.literal == "1.50"


def test_key_order_and_unicode_survive() -> None:
    text = '{"z":"é😀","a":{"y":1,"b":2}}'.encode()
    assert dumps(loads(text)) == text


def test_a_lone_surrogate_survives() -> None:
    """ARGS-13: a string cut inside an emoji is still JSON."""
    value = loads(b'{"text":"\\ud83d","n":1.0}')
    assert value == {"text": "\ud83d", "n": 1.0}
    assert loads(dumps(value)) == value


NOT_JSON = [
    b"",
    b"{",
    b'{"a":}',
    b"NaN",
    b"[Infinity]",
    b"{} x",
    b"\xff\xfe",
    b'"\x01"',
    b"01",
    b"\x00-0",
    b"-0x",
    b"\xff-0",
]


@pytest.mark.parametrize("text", NOT_JSON)
def test_what_is_not_json_is_one_kind_of_error(text: bytes) -> None:
    with pytest.raises(JsonError):
        loads(text)


def test_a_depth_bomb_is_an_error_and_not_a_crash() -> None:
    with pytest.raises(JsonError):
        loads(b"[" * 500_000)


@given(st.binary(max_size=60))
def test_any_bytes_give_a_value_or_a_json_error(data: bytes) -> None:
    try:
        loads(data)
    except JsonError:
        return


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    )
)
def test_decode_then_encode_gives_the_same_bytes(value: object) -> None:
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")
    try:
        text.decode()
    except UnicodeDecodeError:
        return  # not JSON on the wire: surrogates must be escaped
    once = dumps(loads(text))
    assert json.loads(once) == json.loads(text)
    assert dumps(loads(once)) == once


def test_only_an_object_is_an_object() -> None:
    with pytest.raises(JsonError, match="expected a JSON object, got array"):
        loads_object("[]")


def test_depth_is_checked_to_the_level() -> None:
    check_depth([[[1]]], 3)
    with pytest.raises(RequestTooLargeError):
        check_depth([[[[1]]]], 3)
    check_depth({"a": {"b": "text"}}, 2)


def test_types_are_named_in_jsons_own_words() -> None:
    values: list[Json] = [None, True, 1, 1.5, "a", [], {}]
    names = ["null", "boolean", "number", "number", "string", "array", "object"]
    assert [type_name(value) for value in values] == names


def test_a_number_beyond_the_range_of_floats_keeps_its_literal() -> None:
    value = loads("[1e999]")
    assert isinstance(value, list)
    assert isinstance(value[0], float)
    assert math.isinf(value[0])
    assert dumps(value) == b"[1e999]"
