"""The state envelope comes back as it went, and a damaged one is nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.spec.parts import Origin, State
from providers.wire.state import seal, state_from_json, state_to_json, unseal

STATE = State(
    kind="signature",
    value="EqQB+/=",
    origin=Origin(dialect="anthropic-messages", provider="anthropic", model="m", scope="ab"),
)


def test_a_state_comes_back_byte_for_byte() -> None:
    entries = unseal(seal([{"reasoning": "so\n😀", "state": state_to_json(STATE)}]))
    assert entries is not None
    assert entries[0]["reasoning"] == "so\n😀"
    assert state_from_json(entries[0]["state"]) == STATE


def test_the_envelope_is_made_of_harmless_characters() -> None:
    assert set(seal([{"reasoning": "ÿ?>~" * 50}])) <= set(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."
    )


@pytest.mark.parametrize("text", ["", "v1.", "v1.!!!", "v2.W10", "v1.eyJhIjoxfQ", "v1.WzFd", "v1.é"])
def test_what_is_not_an_envelope_is_none(text: str) -> None:
    assert unseal(text) is None


@given(st.text(max_size=40))
def test_any_text_after_the_prefix_is_taken(text: str) -> None:
    unseal("v1." + text)


@pytest.mark.parametrize("value", [None, 1, [], {}, {"kind": "x"}, {**state_to_json(STATE), "model": 1}])
def test_what_is_not_a_state_is_none(value: object) -> None:
    assert state_from_json(value) is None  # type: ignore[arg-type]
