"""The same tool conversation through every face and every wire, by the vendors' own clients."""

import pytest

from tests.e2e.faces.stage import MODELS, WIRES, Stage
from tests.e2e.faces.voices import EXPECTED, FACES, VOICES, always

BOTH = pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
EACH = pytest.mark.parametrize("wire", WIRES)
ON_EACH = pytest.mark.parametrize("face", FACES)


@ON_EACH
@EACH
@BOTH
def test_every_pair_ends_with_the_same_answer(stage: Stage, face: str, wire: str, stream: bool) -> None:
    """HIST-01, HIST-04, HIST-09: parallel calls, then one that depends on their results; the strict fakes judge."""
    assert VOICES[face](stage.url, always(MODELS[wire]), stream=stream).startswith(EXPECTED)
    assert len(stage.fakes[wire].requests) == 3


@ON_EACH
@pytest.mark.parametrize("wire", ["responses", "anthropic", "google"])
@BOTH
def test_every_pair_ends_with_the_same_answer_while_thinking(stage: Stage, face: str, wire: str, stream: bool) -> None:
    """REASON-01, REASON-02, REASON-06: the strict fakes refuse a turn whose signature is missing or altered."""
    assert VOICES[face](stage.url, always(MODELS[wire]), stream=stream, thinking=True).startswith(EXPECTED)
    last = stage.fakes[wire].requests[-1].body
    marks = {"responses": b'"encrypted_content"', "anthropic": b'"signature"', "google": b'"thoughtSignature"'}
    assert last.count(marks[wire]) == 2
    assert b"skip_thought_signature_validator" not in last
