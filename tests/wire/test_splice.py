"""One member replaced, every other byte kept."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.wire.splice import replace_member, with_members


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"model":"a"}', b'{"model":"NEW"}'),
        (b' { "x" : 1.0 ,\n"model" : "a","y":{"model":1} } ', b' { "x" : 1.0 ,\n"model" : "NEW","y":{"model":1} } '),
        (b'{"mod\\u0065l":"a","z":"\\u00e9\xc3\xa9"}', b'{"mod\\u0065l":"NEW","z":"\\u00e9\xc3\xa9"}'),
        (b'{"a\\"b":[1,{"model":2}],"model":null}', b'{"a\\"b":[1,{"model":2}],"model":"NEW"}'),
        (b'{"t":"}, \\"model\\": 1","model":"}"}', b'{"t":"}, \\"model\\": 1","model":"NEW"}'),
    ],
)  # fmt: skip
def test_only_the_member_changes(body: bytes, expected: bytes) -> None:
    """ARGS-12, USAGE-06: what is relayed keeps its bytes, and with them the provider's prompt cache."""
    assert replace_member(body, "model", b'"NEW"') == expected


@pytest.mark.parametrize(
    "body", [b"[]", b"{", b"{}", b'{"x":1}', b'{"model":1,"model":2}', b'{"x":1,"x":2,"model":3}', b"\xff"]
)
def test_what_cannot_be_done_to_the_letter_is_not_done(body: bytes) -> None:
    assert replace_member(body, "model", b'"NEW"') is None


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=4), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(
    members=st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=6), JSON, max_size=5),
    model=JSON,
    indent=st.sampled_from([None, 1]),
    escaped=st.booleans(),
)
def test_any_object_differs_in_that_member_alone(
    members: dict[str, object], model: object, indent: int | None, escaped: bool
) -> None:
    body = json.dumps({**members, "model": model}, indent=indent, ensure_ascii=escaped).encode()
    spliced = replace_member(body, "model", b'"NEW"')
    assert spliced is not None
    assert json.loads(spliced) == {**members, "model": "NEW"}
    assert replace_member(spliced, "model", json.dumps(model, indent=indent, ensure_ascii=escaped).encode()) is not None


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"model":"a","x":1}', b'{"x":1,"v":"1"}'),
        (b' { "x" : 1.0 ,\n"model" : "a" ,"y":{"model":1} } ', b' { "x" : 1.0 ,"y":{"model":1},"v":"1" } '),
        (b'{\n "x": 1,\n "model": "a"\n}', b'{\n "x": 1,"v":"1"\n}'),
        (b'{"mod\\u0065l":"a"}', b'{"v":"1"}'),
        (b"{ }", b'{"v":"1" }'),
        (b'{"x":"\\u00e9\xc3\xa9"}', b'{"x":"\\u00e9\xc3\xa9","v":"1"}'),
    ],
)  # fmt: skip
def test_members_are_taken_out_and_added(body: bytes, expected: bytes) -> None:
    assert with_members(body, drop=("model",), add={"v": b'"1"'}) == expected


@pytest.mark.parametrize("body", [b"[]", b"{", b'{"x":1,"x":2}', b'{"v":1}', b"\xff"])
def test_what_cannot_be_taken_out_to_the_letter_is_left(body: bytes) -> None:
    assert with_members(body, drop=("model",), add={"v": b'"1"'}) is None


@given(
    members=st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=6), JSON, max_size=5),
    dropped=st.integers(0, 6),
    indent=st.sampled_from([None, 1]),
    escaped=st.booleans(),
)
def test_any_object_has_its_other_members_as_they_were(
    members: dict[str, object], dropped: int, indent: int | None, escaped: bool
) -> None:
    body = json.dumps(members, indent=indent, ensure_ascii=escaped).encode()
    names = [name for index, name in enumerate(members) if index % 3 == dropped % 3]
    left = with_members(body, drop=names, add={} if "é" in members else {"é": b"1.0"})
    assert left is not None
    expected = {name: value for name, value in members.items() if name not in names}
    assert json.loads(left) == (expected if "é" in members else {**expected, "é": 1.0})
    assert list(json.loads(left))[: len(expected)] == list(expected)
    assert with_members(body, drop=(), add={}) == body
