"""Events of a run into the chunks of a UI message stream; a state machine without input or output."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal, assert_never

from loop_client.events import (
    AnyEvent,
    FileOutput,
    ProviderToolActivity,
    ReasoningDelta,
    ResponseMetadata,
    RoundFinish,
    RoundRestart,
    RoundStart,
    RunFinish,
    RunFinishReason,
    RunNotice,
    RunStart,
    RunSuspended,
    SourceFound,
    TextDelta,
    ToolApprovalAnswered,
    ToolApprovalRequested,
    ToolDeferred,
    ToolInputAvailable,
    ToolInputDelta,
    ToolInputStart,
    ToolOutputAvailable,
    ToolOutputDenied,
    ToolOutputError,
    ToolProgress,
)
from loop_client.jsontext import JsonObject
from loop_client.ui.chunks import Chunk
from loop_client.ui.metadata import source_chunk, time_text, usage_object
from loop_client.ui.tool_chunks import ToolChunks
from loop_client.usage import Usage

_Words = Literal["text", "reasoning"]

_FINISH_REASONS: Final[dict[str, str]] = {
    "stop": "stop",
    "stop_condition": "stop",
    "terminal_tool": "stop",
    "length": "length",
    "content_filter": "content-filter",
    "suspended": "tool-calls",
    "error": "error",
}
"""Reasons the AI SDK has a word for; for every other one it says ``other``, and the metadata say which."""


def masked(finish: RunFinish) -> str:
    """What is shown of a failed run unless the caller chooses otherwise: the id under which the log has the detail."""
    known_as = f" (error {finish.error_id})" if finish.error_id else ""
    return f"The answer could not be completed{known_as}."


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """What a stream shows."""

    message_id: str | None = None
    """Of the message that is begun or continued; None leaves it to the front end."""
    reasoning: bool = True
    """Whether the model's readable reasoning is shown."""
    sources: bool = True
    """Whether the sources it refers to are shown."""
    error_text: Callable[[RunFinish], str] = masked
    """What the user reads when the run fails."""
    now: Callable[[], datetime] = lambda: datetime.now(UTC)


class UIMessageStream:
    """Feed it the events of a run in order; it gives the chunks of one assistant message.

    Each part is opened and closed once, tool states follow the AI SDK's order, and a step holds a turn of the model
    with the results of its calls. A run that is over ends in a step without calls, so that no front end goes on by
    itself after a limit (``lastAssistantMessageIsCompleteWithToolCalls`` looks at the last step only).
    """

    def __init__(self, options: StreamOptions | None = None) -> None:
        self._options = options or StreamOptions()
        self._tools = ToolChunks()
        self._words: tuple[_Words, str] | None = None
        self._blocks = 0
        self._in_step = False
        self._usage = Usage()
        self.ended = False
        """Whether the message has had its last chunk."""

    def feed(self, event: AnyEvent) -> list[Chunk]:
        """The chunks that tell of an event; none for what is not shown."""
        match event:
            case TextDelta(text=text):
                return self._say("text", text)
            case ReasoningDelta(text=text):
                return self._say("reasoning", text) if self._options.reasoning else []
            case (
                ToolInputStart()
                | ToolInputDelta()
                | ToolInputAvailable()
                | ToolDeferred()
                | ToolApprovalRequested()
                | ProviderToolActivity()
            ):
                return [*self._end_words(), *self._tools.input(event)]
            case (
                ToolProgress() | ToolApprovalAnswered() | ToolOutputAvailable() | ToolOutputError() | ToolOutputDenied()
            ):
                return [*self._end_words(), *self._tools.output(event)]
            case SourceFound() | FileOutput():
                return self._found(event)
            case _:
                return self._progress(event)

    def fail(self, text: str) -> list[Chunk]:
        """End the message with an error; the text is shown to the user as it is."""
        error: Chunk = {"type": "error", "errorText": text}
        return [*self._end_words(), error, *self._end_step(), *self._end("error", {})]

    def pause(self) -> list[Chunk]:
        """End the message for now: calls wait for whoever reads it. The run is not over."""
        return [*self._end_step(), *self._end("suspended", {"usage": usage_object(self._usage)})]

    def abort(self, reason: str | None = None) -> list[Chunk]:
        """End the message because the run was cancelled."""
        self.ended = True
        chunk: Chunk = {"type": "abort"}
        return [*self._end_words(), *self._end_calls(), chunk if reason is None else chunk | {"reason": reason}]

    def _progress(
        self,
        event: RunStart
        | RoundStart
        | RoundRestart
        | ResponseMetadata
        | RoundFinish
        | RunNotice
        | RunSuspended
        | RunFinish,
    ) -> list[Chunk]:
        match event:
            case RunStart():
                return self._start(event)
            case RoundStart():
                return [*self._end_step(), *self._start_step()]
            case RoundRestart():
                # The reader forgets the step's parts, those that are open included, so they are not closed.
                self._words = None
                self._tools.start_step()
                return [{"type": "reset-step"}]
            case ResponseMetadata(model=model, response_id=response_id):
                return _metadata({"model": model, "responseId": response_id})
            case RoundFinish(usage=usage):
                self._usage += usage or Usage()
                return [*self._end_words(), *_metadata({"usage": usage_object(self._usage)})]
            case RunNotice():
                return []
            case RunSuspended(run_id=run_id, expires_at=expires_at):
                until = None if expires_at is None else time_text(expires_at)
                return [*self._end_words(), *_metadata({"runId": run_id, "answerBefore": until})]
            case RunFinish():
                return self._finish(event)
            case _:
                assert_never(event)

    def _start(self, event: RunStart) -> list[Chunk]:
        self._tools.run_id, self._tools.offered = event.run_id, frozenset(event.tools)
        chunk: Chunk = {"type": "start"}
        if self._options.message_id is not None:
            chunk["messageId"] = self._options.message_id
        metadata = {"runId": event.run_id, "model": event.model}
        if not event.resumed:
            metadata["startedAt"] = self._now() if event.started_at is None else time_text(event.started_at)
        return [chunk | {"messageMetadata": metadata}]

    def _start_step(self) -> list[Chunk]:
        self._in_step = True
        self._tools.start_step()
        return [{"type": "start-step"}]

    def _end_step(self) -> list[Chunk]:
        ending: list[Chunk] = [{"type": "finish-step"}] if self._in_step else []
        self._in_step = False
        return [*self._end_words(), *ending]

    def _end_calls(self) -> list[Chunk]:
        """A step without calls, where the last one has some."""
        return [*self._end_step(), *self._start_step()] if self._tools.calls_in_step else []

    def _say(self, kind: _Words, text: str) -> list[Chunk]:
        begin: list[Chunk] = []
        words = self._words
        if words is None or words[0] != kind:
            self._blocks += 1
            begin = [*self._end_words(), {"type": f"{kind}-start", "id": f"{kind}-{self._blocks}"}]
            self._words = words = (kind, f"{kind}-{self._blocks}")
        return [*begin, {"type": f"{kind}-delta", "id": words[1], "delta": text}]

    def _end_words(self) -> list[Chunk]:
        if self._words is None:
            return []
        kind, block = self._words
        self._words = None
        return [{"type": f"{kind}-end", "id": block}]

    def _found(self, event: SourceFound | FileOutput) -> list[Chunk]:
        if isinstance(event, FileOutput):
            return [*self._end_words(), {"type": "file", "mediaType": event.media_type, "url": event.url}]
        # A source does not end the text: annotations arrive between two words of it.
        return [source_chunk(event)] if self._options.sources else []

    def _finish(self, event: RunFinish) -> list[Chunk]:
        chunks = self._end_words()
        if event.error is not None:
            chunks.append({"type": "error", "errorText": self._options.error_text(event)})
        if event.finish_reason != "suspended":
            chunks += self._end_calls()
        counts = {"usage": usage_object(event.usage), "rounds": event.rounds, "calls": event.calls, "cost": event.cost}
        return [*chunks, *self._end_step(), *self._end(event.finish_reason, counts)]

    def _end(self, reason: RunFinishReason, counts: JsonObject) -> list[Chunk]:
        self.ended = True
        known = {"finishReason": reason, "finishedAt": self._now()} | _present(counts)
        return [{"type": "finish", "finishReason": _FINISH_REASONS.get(reason, "other"), "messageMetadata": known}]

    def _now(self) -> str:
        return time_text(self._options.now().timestamp())


def _metadata(members: JsonObject) -> list[Chunk]:
    present = _present(members)
    return [{"type": "message-metadata", "messageMetadata": present}] if present else []


def _present(members: JsonObject) -> JsonObject:
    return {name: value for name, value in members.items() if value is not None and value != {}}
