"""The envelope's bytes: the provider's answer stands in it as it came."""

from typing import Any

import pytest

from providers.spec.profile import Target
from providers.spec.response import Response
from providers.wire.json import loads
from router.faces.envelope import _written
from router.pipeline import Answer

TARGET = Target(provider="p", model="m", dialect="openai-chat")


@pytest.mark.parametrize(
    ("raw", "verbatim"),
    [
        (b'{ "a" : 1.0,\n "b": 12345678901234567890, "c": 1e5, "d": "\\u00e9" }', True),
        (b'{"text": "\\ud83d cut", "n": 1.0}', False),
    ],
)
def test_the_answer_is_spliced_in(raw: bytes, verbatim: bool) -> None:
    """Spaces, number literals and escapes included; beside half an emoji at least every value."""
    text = "x" if verbatim else "\ud83d cut"
    answer = Answer(target=TARGET, response=Response(), raw=raw, relayed=False, said={})
    completion: Any = {"choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]}
    written = _written(completion, answer)
    envelope: Any = loads(written)
    assert (raw in written) is verbatim
    assert envelope["output"]["raw"] == loads(raw)
    assert envelope["output"]["messages"] == [{"role": "assistant", "content": text}]
    assert (envelope["ok"], envelope["output"]["finish_reason"], envelope["usage"]) == (True, "stop", None)
