"""Events of a run into the chunks of a UI message stream; a state machine without input or output."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal, assert_never

from loop_client.errors import ErrorDetail
from loop_client.events import (
    AnyEvent,
    ReasoningDelta,
    RoundFinish,
    RoundStart,
    RunFinish,
    RunFinishReason,
    RunStart,
    TextDelta,
    ToolInputAvailable,
    ToolInputDelta,
    ToolInputStart,
    ToolOutputAvailable,
    ToolOutputError,
)
from loop_client.ui.chunks import Chunk
from loop_client.ui.metadata import time_text, usage_object
from loop_client.ui.values import input_value, output_value, provider_metadata
from loop_client.usage import Usage

_Words = Literal["text", "reasoning"]

_FINISH_REASONS: Final[dict[str, str]] = {
    "stop": "stop",
    "length": "length",
    "content_filter": "content-filter",
    "error": "error",
}
"""Reasons the AI SDK has a word for; for every other one it says ``other``, and the metadata say which."""


def masked(error: ErrorDetail) -> str:
    """What is shown of a failed run unless the caller chooses otherwise."""
    return "The answer could not be completed."


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """What a stream shows."""

    message_id: str | None = None
    """Of the message that is begun or continued; None leaves it to the front end."""
    reasoning: bool = True
    sources: bool = True
    error_text: Callable[[ErrorDetail], str] = masked
    """What the user reads when the run fails; the detail is for the log."""
    now: Callable[[], datetime] = lambda: datetime.now(UTC)


class UIMessageStream:
    """Feed it the events of a run in order; it gives the chunks of one assistant message.

    Each part is opened and closed once, tool states follow the AI SDK's order, and a step holds a turn of the model
    with the results of its calls. A run that is over ends in a step without open calls, so that no front end goes on
    by itself after a limit (``lastAssistantMessageIsCompleteWithToolCalls`` looks at the last step only).
    """

    def __init__(self, options: StreamOptions | None = None) -> None:
        self._options = options or StreamOptions()
        self._words: tuple[_Words, str] | None = None
        self._blocks = 0
        self._in_step = False
        self._step_has_calls = False
        self._inputs: set[str] = set()
        self._offered: frozenset[str] = frozenset()
        self._usage = Usage()
        self.ended = False
        """Whether the message has had its last chunk."""

    def feed(self, event: AnyEvent) -> list[Chunk]:
        """The chunks that tell of an event; none for what is not shown."""
        match event:
            case RunStart():
                return self._start(event)
            case RoundStart():
                return [*self._end_step(), *self._start_step()]
            case TextDelta(text=text):
                return self._say("text", text)
            case ReasoningDelta(text=text):
                return self._say("reasoning", text) if self._options.reasoning else []
            case ToolInputStart() | ToolInputDelta() | ToolInputAvailable():
                return self._input(event)
            case ToolOutputAvailable() | ToolOutputError():
                return self._output(event)
            case RoundFinish(usage=usage):
                self._usage += usage or Usage()
                return [*self._end_words(), *self._usage_so_far()]
            case RunFinish():
                return self._finish(event)
            case _:
                assert_never(event)

    def fail(self, text: str) -> list[Chunk]:
        """End the message with an error; the text is shown to the user as it is."""
        return [*self._end_words(), {"type": "error", "errorText": text}, *self._end_step(), *self._end("error")]

    def abort(self, reason: str | None = None) -> list[Chunk]:
        """End the message because the run was cancelled."""
        chunk: Chunk = {"type": "abort"} if reason is None else {"type": "abort", "reason": reason}
        self.ended = True
        return [*self._end_words(), chunk]

    def _start(self, event: RunStart) -> list[Chunk]:
        self._offered = frozenset(event.tools)
        chunk: Chunk = {"type": "start"}
        if self._options.message_id is not None:
            chunk["messageId"] = self._options.message_id
        metadata = {"runId": event.run_id, "model": event.model, "startedAt": time_text(self._options.now())}
        return [chunk | {"messageMetadata": metadata}]

    def _start_step(self) -> list[Chunk]:
        self._in_step, self._step_has_calls = True, False
        return [{"type": "start-step"}]

    def _end_step(self) -> list[Chunk]:
        ending: list[Chunk] = [{"type": "finish-step"}] if self._in_step else []
        self._in_step = False
        return [*self._end_words(), *ending]

    def _say(self, kind: _Words, text: str) -> list[Chunk]:
        begin: list[Chunk] = []
        if self._words is None or self._words[0] != kind:
            self._blocks += 1
            block = f"{kind}-{self._blocks}"
            begin = [*self._end_words(), {"type": f"{kind}-start", "id": block}]
            self._words = (kind, block)
        return [*begin, {"type": f"{kind}-delta", "id": self._words[1], "delta": text}]

    def _end_words(self) -> list[Chunk]:
        if self._words is None:
            return []
        kind, block = self._words
        self._words = None
        return [{"type": f"{kind}-end", "id": block}]

    def _tool(self, kind: str, call_id: str, name: str, **members: object) -> Chunk:
        self._step_has_calls = True
        chunk: Chunk = {"type": kind, "toolCallId": call_id, "toolName": name, **members}
        # A tool that the run did not begin with is not one that the front end can have been built for.
        return chunk if name in self._offered else chunk | {"dynamic": True}

    def _input(self, event: ToolInputStart | ToolInputDelta | ToolInputAvailable) -> list[Chunk]:
        match event:
            case ToolInputStart(call_id=call_id, tool_name=name):
                return [*self._end_words(), self._tool("tool-input-start", call_id, name)]
            case ToolInputDelta(call_id=call_id, text=text):
                return [{"type": "tool-input-delta", "toolCallId": call_id, "inputTextDelta": text}]
            case ToolInputAvailable(call_id=call_id, tool_name=name, arguments_text=arguments_text):
                self._inputs.add(call_id)
                value, kept = input_value(arguments_text)
                chunk = self._tool("tool-input-available", call_id, name, input=value)
                return [*self._end_words(), chunk | provider_metadata(kept)]

    def _output(self, event: ToolOutputAvailable | ToolOutputError) -> list[Chunk]:
        if isinstance(event, ToolOutputAvailable):
            value, kept = output_value(event.output)
            chunk: Chunk = {"type": "tool-output-available", "toolCallId": event.call_id, "output": value}
            return [chunk | provider_metadata(kept)]
        if event.call_id in self._inputs:
            return [{"type": "tool-output-error", "toolCallId": event.call_id, "errorText": event.error_text}]
        value, kept = input_value(event.arguments_text)
        chunk = self._tool("tool-input-error", event.call_id, event.tool_name, input=value, errorText=event.error_text)
        return [*self._end_words(), chunk | provider_metadata(kept)]

    def _usage_so_far(self) -> list[Chunk]:
        counts = usage_object(self._usage)
        return [{"type": "message-metadata", "messageMetadata": {"usage": counts}}] if counts else []

    def _finish(self, event: RunFinish) -> list[Chunk]:
        closing: list[Chunk] = [*self._end_words()]
        if event.error is not None:
            closing.append({"type": "error", "errorText": self._options.error_text(event.error)})
        if self._step_has_calls:
            closing += [*self._end_step(), *self._start_step()]
        usage = usage_object(event.usage)
        metadata = {"rounds": event.rounds, "calls": event.calls} | ({"usage": usage} if usage else {})
        return [*closing, *self._end_step(), *self._end(event.finish_reason, **metadata)]

    def _end(self, reason: RunFinishReason, **metadata: object) -> list[Chunk]:
        self.ended = True
        known = {"finishReason": reason, "finishedAt": time_text(self._options.now()), **metadata}
        return [{"type": "finish", "finishReason": _FINISH_REASONS.get(reason, "other"), "messageMetadata": known}]
