"""Events of tool calls into chunks, in the order of states that the AI SDK's reader accepts."""

from __future__ import annotations

from typing import Any, TypeAlias, assert_never

from loop_client.events import (
    ProviderToolActivity,
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
from loop_client.ui.values import input_value, output_value, provider_metadata

InputEvent: TypeAlias = (
    ToolInputStart | ToolInputDelta | ToolInputAvailable | ToolDeferred | ToolApprovalRequested | ProviderToolActivity
)
"""Events that may add a part to the message."""

OutputEvent: TypeAlias = ToolProgress | ToolApprovalAnswered | ToolOutputAvailable | ToolOutputError | ToolOutputDenied
"""Events that change a part which is there."""

_Complete: TypeAlias = ToolInputAvailable | ToolDeferred | ToolApprovalRequested


class ToolChunks:
    """What is known of the calls of one message."""

    def __init__(self) -> None:
        self.run_id = ""
        self.offered: frozenset[str] = frozenset()
        """Names of the tools that the run began with."""
        self.calls_in_step = True
        """Whether the step has a call that the front end may take for one to answer. Before the first step of a run
        that goes on, the message's last step is the one that waited."""
        self._in_step = False
        self._inputs: set[str] = set()

    def start_step(self) -> None:
        """The model's next turn."""
        self._in_step, self.calls_in_step = True, False

    def input(self, event: InputEvent) -> list[Chunk]:
        """A call, as far as it is known."""
        match event:
            case ToolInputStart(call_id=call_id, tool_name=name):
                return [self._named("tool-input-start", call_id, name, event.dynamic, event.title)]
            case ToolInputDelta(call_id=call_id, text=text):
                return [{"type": "tool-input-delta", "toolCallId": call_id, "inputTextDelta": text}]
            case ToolInputAvailable():
                # Told once: a front end calls `onToolCall` every time. A tool that is run again was told before, and so
                # was a call that was approved: outside a step there are only calls of the turn that waited.
                is_known = event.call_id in self._inputs or not self._in_step
                return [] if is_known else [self._complete(event, {})]
            case ToolDeferred():
                chunk = self._complete(event, {"runId": self.run_id, "token": event.token})
                schema = event.answer_schema
                return [chunk if schema is None else chunk | {"toolMetadata": {"answerSchema": schema}}]
            case ToolApprovalRequested():
                request: Chunk = {
                    "type": "tool-approval-request",
                    "approvalId": event.call_id,
                    "toolCallId": event.call_id,
                }
                return [self._complete(event, {"runId": self.run_id, "token": event.token}), request]
            case ProviderToolActivity():
                return self._of_provider(event)
            case _:
                assert_never(event)

    def output(self, event: OutputEvent) -> list[Chunk]:
        """What became of a call."""
        match event:
            case ToolProgress():
                return [_progress(event)]
            case ToolApprovalAnswered():
                chunk: Chunk = {
                    "type": "tool-approval-response",
                    "approvalId": event.call_id,
                    "approved": event.approved,
                }
                return [chunk if event.reason is None else chunk | {"reason": event.reason}]
            case ToolOutputAvailable():
                value, kept = output_value(event.output)
                chunk = {"type": "tool-output-available", "toolCallId": event.call_id, "output": value}
                return [chunk | provider_metadata(kept), *_files(event.parts or ())]
            case ToolOutputError():
                return [self._error(event)]
            case ToolOutputDenied():
                return [{"type": "tool-output-denied", "toolCallId": event.call_id}]
            case _:
                assert_never(event)

    def _complete(self, event: _Complete, members: JsonObject) -> Chunk:
        self._inputs.add(event.call_id)
        value, kept = input_value(event.arguments_text)
        chunk = self._named("tool-input-available", event.call_id, event.tool_name, event.dynamic, event.title)
        return chunk | {"input": value} | provider_metadata(members | kept)

    def _error(self, event: ToolOutputError) -> Chunk:
        # Outside a step it can only be a call of the turn in which the run was suspended: its part is there.
        if event.call_id in self._inputs or not self._in_step:
            return {"type": "tool-output-error", "toolCallId": event.call_id, "errorText": event.error_text}
        value, kept = input_value(event.arguments_text)
        chunk = self._named("tool-input-error", event.call_id, event.tool_name, event.dynamic, None)
        return chunk | {"input": value, "errorText": event.error_text} | provider_metadata(kept)

    def _named(self, kind: str, call_id: str, name: str, dynamic: bool | None, title: str | None) -> Chunk:
        self.calls_in_step = True
        chunk: Chunk = {"type": kind, "toolCallId": call_id, "toolName": name}
        # A tool that the run did not begin with, or that does not exist, is none that a front end was built for.
        if dynamic or name not in self.offered:
            chunk["dynamic"] = True
        return chunk if title is None else chunk | {"title": title}

    def _of_provider(self, event: ProviderToolActivity) -> list[Chunk]:
        known = event.call_id in self._inputs
        self._inputs.add(event.call_id)
        given = event.data if event.status == "input-available" else {}
        begin: Chunk = {
            "type": "tool-input-available",
            "toolCallId": event.call_id,
            "toolName": event.tool_name,
            "input": {} if given is None else given,
            "providerExecuted": True,
            "dynamic": True,
        }
        before = [] if known else [begin]
        own = {"toolCallId": event.call_id, "providerExecuted": True, "dynamic": True}
        match event.status:
            case "input-available":
                return before
            case "output-available":
                return [*before, {"type": "tool-output-available", "output": event.data, **own}]
            case "output-error":
                text = event.data if isinstance(event.data, str) else "the provider's tool failed"
                return [*before, {"type": "tool-output-error", "errorText": text, **own}]


def _progress(event: ToolProgress) -> Chunk:
    if event.output is not None:
        output: Any = event.output
        return {
            "type": "tool-output-available",
            "toolCallId": event.call_id,
            "output": output,
            "preliminary": True,
        }
    told = {"message": event.message, "total": event.total, "progress": event.progress}
    data: JsonObject = {"toolCallId": event.call_id, "toolName": event.tool_name}
    data |= {name: value for name, value in told.items() if value is not None}
    return {"type": "data-tool-progress", "id": event.call_id, "data": data, "transient": True}


def _files(parts: tuple[JsonObject, ...]) -> list[Chunk]:
    """The pictures of a result, to be shown beside it."""
    chunks: list[Chunk] = []
    for part in parts:
        image = part.get("image_url")
        url = image.get("url") if isinstance(image, dict) else None
        if isinstance(url, str):
            chunks.append({"type": "file", "url": url, "mediaType": media_type_of(url)})
    return chunks


def media_type_of(url: str) -> str:
    """What a ``data:`` address says it holds; the general kind of an image where there is nothing to read."""
    kind = url.removeprefix("data:").partition(",")[0].partition(";")[0] if url.startswith("data:") else ""
    return kind or "image"
