"""Members renamed and replaced, every other byte kept."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.wire.members import changed_members

CHANGES = {"model": ("model", b'"NEW"'), "max": ("most", b"7")}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"model":"a","max":1}', b'{"model":"NEW","most":7}'),
        (b'{"max":1,"x":{"model":1},"model":"a"}', b'{"most":7,"x":{"model":1},"model":"NEW"}'),
        (b' { "x" : 1.0 ,\n"max" : 1,"model" :"a"} ', b' { "x" : 1.0 ,\n"most" : 7,"model" :"NEW"} '),
        (b'{"mod\\u0065l":"a","max":1,"z":"\\u00e9\xc3\xa9"}', b'{"mod\\u0065l":"NEW","most":7,"z":"\\u00e9\xc3\xa9"}'),
    ],
)  # fmt: skip
def test_only_the_members_change(body: bytes, expected: bytes) -> None:
    """ARGS-12, USAGE-06: what is relayed keeps its bytes, and with them the provider's prompt cache."""
    assert changed_members(body, CHANGES) == expected


@pytest.mark.parametrize(
    "body",
    [
        b"[]", b"{", b"{}", b"\xff", b'{"model":1}', b'{"model":1,"model":2,"max":1}',
        b'{"x":1,"x":2,"model":3,"max":1}',
        b'{"model":1,"max":1,"model":1}', b'{"model":1,"max":1,"x":[],"x":[]}',
    ],
)  # fmt: skip
def test_what_cannot_be_done_to_the_letter_is_not_done(body: bytes) -> None:
    assert changed_members(body, CHANGES) is None


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(st.text(max_size=6), VALUES, max_size=4),
    st.sampled_from([(",", ":"), (", ", ": "), (" , ", " : ")]),
    st.booleans(),
)
def test_it_is_what_a_decoder_would_make_of_it(rest: dict[str, object], space: tuple[str, str], ascii: bool) -> None:
    rest.pop("most", None)
    whole = {**rest, "model": "a", "max": 1}
    body = json.dumps(whole, separators=space, ensure_ascii=ascii).encode()
    changed = changed_members(body, CHANGES)
    assert changed is not None
    expected = {
        {"max": "most"}.get(key, key): {"model": "NEW", "max": 7}.get(key, value) for key, value in whole.items()
    }
    assert list(json.loads(changed).items()) == list(expected.items())
    assert len(changed) - len(body) == len("NEW") - len("a") + len("most") - len("max")
