"""The place of what is refused, as the caller wrote it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.catalogue.support import called, result, tool, user
from tests.e2e.faces.stage import MODELS, Stage
from tests.e2e.service import client

NAMED = {"role": "user", "content": "go", "name": "Ann"}
SOUND = {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}
LEGACY = {"role": "assistant", "content": None, "function_call": {"name": "look", "arguments": "{}"}}
REFUSED: dict[str, tuple[list[Any], str]] = {
    "a call": ([user(), called("c1"), user()], "messages[1].tool_calls[0]"),
    "the second call": ([user(), called("c1", "c2"), result("c1")], "messages[1].tool_calls[1]"),
    "a call behind a text": ([user(), called("c1", content="I look."), user()], "messages[1].tool_calls[0]"),
    "a call behind reasoning": (
        [user(), called("c1", "c2", content="I look.", reasoning_content="Hm."), result("c1")],
        "messages[1].tool_calls[1]",
    ),
    "a call of the old fields": ([user(), LEGACY, user()], "messages[1].function_call"),
    "a result": ([user(), result("c9"), user()], "messages[1]"),
    "a result of the old fields": (
        [user(), {"role": "function", "name": "look", "content": "18"}, user()],
        "messages[1]",
    ),
}


@pytest.mark.parametrize(("messages", "place"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("wire", ["anthropic", "google", "responses"])
def test_orphans_are_named_as_a_chat_caller_wrote_them(
    stage: Stage, wire: str, messages: list[Any], place: str
) -> None:
    """HIST-07: in the message and beside it."""
    error = refused(stage, MODELS[wire], messages)
    assert error["param"] == place
    assert error["message"].startswith(f"{place}: the ")
    assert not stage.sent(wire)


@pytest.mark.parametrize("wire", ["anthropic", "responses"])
def test_other_places_too(stage: Stage, wire: str) -> None:
    """HIST-07's neighbours: what a provider has no words for."""
    asked = [{"role": "user", "content": [{"type": "text", "text": "Write it down."}, SOUND]}]
    assert refused(stage, MODELS[wire], asked)["param"] == "messages[0].content[1]"


def test_the_envelope_has_places_of_its_own(stage: Stage) -> None:
    """Below ``input``: what is refused, what is wrong, and what is told of an answer."""
    sound = {"messages": [{"role": "user", "content": [{"type": "text", "text": "Write it down."}, SOUND]}]}
    named = {"messages": [NAMED]}
    with client(stage.url) as http:
        lost, wrong, told = (
            http.post("/v1/ai/run", json={"model": MODELS["anthropic"], "input": asked}).json()
            for asked in (sound, {"messages": [{"role": 7}]}, named)
        )
    assert lost["error"]["param"] == "input.messages[0].content[1]"
    assert lost["error"]["message"].startswith("input.messages[0].content[1]: ")
    assert wrong["error"]["param"] == "input.messages[0].role"
    assert wrong["error"]["message"].startswith("input.messages[0].role: ")
    assert {one["path"] for one in told["router"]["adjustments"]} == {
        "input.messages[0].name",
        "input.max_completion_tokens",
    }


@pytest.mark.parametrize("explains", [False, True])
def test_streams_and_explanations_name_the_same_places(stage: Stage, explains: bool) -> None:
    """Those of the body that was sent."""
    asked = {"model": MODELS["anthropic"], "messages": [NAMED], "max_tokens": 9, "stream": True, "seed": 3}
    with client(stage.url) as http:
        answer = http.post(f"{'/explain' if explains else ''}/v1/chat/completions", json=asked)
    assert '"path":"messages[0].name"' in answer.text.replace(": ", ":")
    assert '"path":"seed"' in answer.text.replace(": ", ":")


def refused(stage: Stage, model: str, messages: list[Any]) -> Any:
    """The error of a chat request."""
    stage.clear()
    with client(stage.url) as http:
        answer = http.post("/v1/chat/completions", json={"model": model, "messages": messages, "tools": [tool()]})
    assert answer.status_code in {400, 422}, answer.text
    return answer.json()["error"]
