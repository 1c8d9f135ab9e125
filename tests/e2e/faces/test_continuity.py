"""The provider changes in the middle of a loop: its state comes back to it byte for byte, and reaches nobody else."""

import json
import re
from typing import Any

import pytest

from tests.e2e.faces.stage import MODELS, Stage
from tests.e2e.faces.voices import EXPECTED, FACES, VOICES

_MARKS = {
    "responses": re.compile(r'"encrypted_content": ?"([^"]+)"'),
    "anthropic": re.compile(r'"signature": ?"([^"]+)"'),
    "google": re.compile(r'"thoughtSignature": ?"([^"]+)"'),
}
THINKING = tuple(_MARKS)
_PLACEHOLDER = "skip/thought/signature/validator"
_FOREIGN = [(own, other) for own in THINKING for other in (*THINKING, "chat") if own != other]


def state_in(wire: str, body: Any) -> list[str]:
    """The opaque state in a body of this wire."""
    found: list[str] = _MARKS[wire].findall(json.dumps(body))
    # Google's client holds a signature as bytes and spells them in the URL's alphabet: the same bytes.
    return [value.replace("-", "+").replace("_", "/") for value in found] if wire == "google" else found


def minted(stage: Stage, wire: str) -> set[str]:
    """Every opaque value that the fake of this wire ever gives in this conversation, learnt by asking it alone."""
    VOICES["chat"](stage.url, lambda _: MODELS[wire], stream=False, thinking=True)
    found = set(state_in(wire, stage.sent(wire)))
    stage.clear()
    return found


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize(("own", "other"), _FOREIGN)
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_there_and_back_again(stage: Stage, face: str, own: str, other: str, stream: bool) -> None:
    """REASON-05, REASON-10, REASON-16: the fake of A refuses a damaged signature, and B sees none of A's."""
    state = minted(stage, own)
    order = (own, other, own)
    text = VOICES[face](stage.url, lambda turn: MODELS[order[turn]], stream=stream, thinking=True)
    assert text.startswith(EXPECTED)
    (there,) = stage.sent(other)
    first, back = stage.sent(own)
    for value in state:
        assert value not in json.dumps(there)
    carried = state_in(own, back)
    assert carried
    assert set(carried) - state <= {_PLACEHOLDER}
    assert set(carried) & state
    assert state_in(own, first) == []
