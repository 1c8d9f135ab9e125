"""One member replaced, every other byte kept."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.wire.splice import replace_member


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
