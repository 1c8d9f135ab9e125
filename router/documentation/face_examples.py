"""Examples of answers in the other dialects, written by their own codecs: what the scripted provider says first."""

from typing import Any, Final

from providers.dialects import DIALECTS
from providers.spec.dialect import FaceContext
from providers.spec.fold import unfold
from providers.spec.parts import ReasoningPart, ToolCallPart
from providers.spec.response import Candidate, Finish, Response, Usage

_CONTEXT: Final = FaceContext(response_id="", model="demo", created=0)
_ANSWER: Final = Response(
    id="chatcmpl-scripted-1",
    model="demo",
    created=0,
    candidates=(
        Candidate(
            parts=(
                ReasoningPart(text="I need to know which folders I may look at."),
                ToolCallPart(id="call_7djdn6V5LzdqtDNkhg6X", name="filetree_list_sources", arguments="{}"),
            ),
            finish=Finish(reason="tool_calls"),
        ),
    ),
    usage=Usage(input_tokens=6, output_tokens=17, total_tokens=23),
)


def answer_in(dialect: str) -> Any:
    """The whole answer."""
    return DIALECTS[dialect].encode_response(_ANSWER, _CONTEXT)


def stream_in(dialect: str) -> str:
    """The same as a stream, its pieces as large as they can be."""
    encoder = DIALECTS[dialect].stream_encoder(_CONTEXT)
    return b"".join(encoder.feed(event) for event in unfold(_ANSWER)).decode()


EXPLANATION: Final[Any] = {
    "candidates": [
        {
            "model": "scripted/demo",
            "provider": "scripted",
            "wire": "openai-chat",
            "relayed": False,
            "request": {
                "method": "POST",
                "url": "scripted:/chat/completions",
                "headers": {"content-type": "application/json"},
                "body": {"model": "demo", "messages": [{"role": "user", "content": "What is in this folder?"}]},
            },
            "adjustments": [],
        }
    ]
}
