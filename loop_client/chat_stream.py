"""Folds the chunks of a streamed chat completion into the model's turn, exactly as it came; no I/O.

The assistant message keeps every field the server sent, known or not, so that signatures and reasoning state survive
the loop without this package knowing them. It differs from what came in three stated ways: an empty list of calls is
left out, empty argument text is ``{}``, and a call id that is missing or already in use is replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from loop_client.call_stream import CallStream, ToolCall
from loop_client.delta_merge import merge_into
from loop_client.errors import EmptyAnswerError, ModelStreamError
from loop_client.events import (
    FileOutput,
    FinishReason,
    Message,
    ProviderToolActivity,
    ReasoningDelta,
    ResponseMetadata,
    SourceFound,
    TextDelta,
    ToolInputDelta,
    ToolInputStart,
)
from loop_client.jsontext import JsonObject, loads
from loop_client.references import read_executed_tool, read_image, read_source
from loop_client.server_error import stream_error
from loop_client.usage import Usage, read_usage

StreamEvent: TypeAlias = (
    ResponseMetadata
    | TextDelta
    | ReasoningDelta
    | SourceFound
    | FileOutput
    | ProviderToolActivity
    | ToolInputStart
    | ToolInputDelta
)
"""What is known while the model is still answering."""

_FINISH_REASONS: Final[dict[str, FinishReason]] = {
    "stop": "stop",
    "eos": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_calls": "tool_calls",
    "tool_use": "tool_calls",
    "function_call": "tool_calls",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "content_filter": "content_filter",
    "safety": "content_filter",
    "sensitive": "content_filter",
    "refusal": "content_filter",
    "pause": "pause",
    "pause_turn": "pause",
}
_FAILURES: Final = frozenset(
    {"error", "network_error", "insufficient_system_resource", "malformed_function_call", "malformed_tool_call"}
)


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """One whole turn of the model."""

    message: Message
    """To be appended to the history as it is."""
    text: str
    """What the user reads: the text, or the refusal where there is no text."""
    calls: tuple[ToolCall, ...]
    finish_reason: FinishReason
    raw_finish_reason: str | None
    """The server's own word; None where it gave none and the reason was inferred from a clean end (STREAM-12)."""
    usage: Usage | None
    router: JsonObject | None
    """What the router reported beside the answer, where there is a router."""
    model: str | None = None
    """The model that answered, in the server's words."""


class ChatStream:
    """Feed it the data of each event; it gives what is new, and in the end the whole turn."""

    def __init__(self, round_number: int, taken_ids: set[str], new_call_id: Callable[[], str]) -> None:
        self._round = round_number
        self._calls = CallStream(round_number, taken_ids, new_call_id)
        self._fields: JsonObject = {}
        self._raw_finish_reason: str | None = None
        self._usage: JsonObject = {}
        self._router: JsonObject | None = None
        self._metadata: ResponseMetadata | None = None
        self._native_reason: str | None = None
        self._sources = 0
        self.done = False
        """Whether the server said that the stream is over."""

    def feed(self, data: str) -> Iterator[StreamEvent]:
        """Take one event: ``[DONE]``, or the JSON text of a chunk or of a plain completion.

        Raises:
            ModelStreamError: not JSON, not of the chat wire's shape, or an error the server reports.
        """
        if data.strip() == "[DONE]":
            self.done = True
            return
        try:
            chunk = loads(data)
        except ValueError:
            raise ModelStreamError("malformed stream: a chunk is not JSON", retryable=True) from None
        yield from self._take_chunk(_object(chunk, "a chunk"))

    def close(self) -> tuple[list[StreamEvent], ModelAnswer]:
        """End the turn: calls not yet announced, and the whole answer.

        Raises:
            ModelStreamError: the stream was cut, or the server says that the turn failed.
            EmptyAnswerError: the turn is whole, but there is nothing in it.
        """
        if self._raw_finish_reason is None and not self.done:
            raise ModelStreamError("the stream ended before the answer was finished", retryable=True)
        late: list[StreamEvent] = list(self._calls.close())
        calls = self._calls.calls()
        message, text = self._message(), self._text()
        reason = self._finish_reason(calls)
        if reason == "stop" and not text:
            raise EmptyAnswerError("the model ended its turn with neither text nor a tool call", retryable=True)
        usage = read_usage(self._usage) if self._usage else None
        model = None if self._metadata is None else self._metadata.model
        return late, ModelAnswer(message, text, calls, reason, self._raw_finish_reason, usage, self._router, model)

    def _take_chunk(self, chunk: JsonObject) -> Iterator[StreamEvent]:
        if chunk.get("error"):
            raise stream_error(chunk["error"])
        self._take_reports(chunk)
        yield from self._take_metadata(chunk)
        choices = chunk.get("choices")
        if choices is None:
            return
        if not isinstance(choices, list):
            raise ModelStreamError("malformed stream: choices is not a list")
        for choice in choices:
            if _object(choice, "a choice").get("index") in {None, 0}:
                yield from self._take_choice(choice)

    def _take_metadata(self, chunk: JsonObject) -> Iterator[ResponseMetadata]:
        if self._metadata is not None or not (chunk.get("id") or chunk.get("model")):
            return
        created = chunk.get("created")
        self._metadata = ResponseMetadata(
            self._round,
            _string(chunk.get("id")),
            _string(chunk.get("model")),
            created if isinstance(created, int) and not isinstance(created, bool) else None,
        )
        yield self._metadata

    def _take_reports(self, container: JsonObject) -> None:
        # Counts are cumulative: the last one given for each is the right one (USAGE-01).
        usage = container.get("usage")
        if isinstance(usage, dict):
            self._usage |= {name: value for name, value in usage.items() if value is not None}
        router = container.get("router")
        if isinstance(router, dict):
            self._router = {**(self._router or {}), **router}

    def _take_choice(self, choice: JsonObject) -> Iterator[StreamEvent]:
        if choice.get("error"):
            raise stream_error(choice["error"])
        self._take_reports(choice)
        delta = choice.get("delta")
        if delta is None:
            delta = _indexed_calls(choice.get("message"))
        # The last fragment and the finish reason may share a chunk (STREAM-05), so the delta comes first.
        if delta is not None:
            yield from self._take_delta(_object(delta, "a delta"))
        reason = choice.get("finish_reason")
        if isinstance(reason, str) and reason:
            self._raw_finish_reason = reason
        native = choice.get("native_finish_reason")
        if isinstance(native, str) and native:
            self._native_reason = native

    def _take_delta(self, delta: JsonObject) -> Iterator[StreamEvent]:
        for name, value in delta.items():
            if name == "tool_calls":
                self._fields.setdefault("tool_calls", [])
            elif name == "role":
                self._fields["role"] = self._fields.get("role") or value
            elif name == "content":
                self._fields["content"] = _joined_content(self._fields.get("content"), value)
            else:
                merge_into(self._fields, {name: value})
        yield from _readable(delta, self._round)
        yield from self._references(delta)
        fragments = delta.get("tool_calls")
        if isinstance(fragments, list):
            yield from self._calls.feed(fragments)
        elif fragments is not None:
            raise ModelStreamError("malformed stream: tool_calls is not a list")

    def _references(self, delta: JsonObject) -> Iterator[SourceFound | FileOutput | ProviderToolActivity]:
        for annotation in _objects(delta.get("annotations")):
            self._sources += 1
            source_id = f"source_{self._round}_{self._sources}"
            yield read_source(annotation, self._round, source_id)
        for image in _objects(delta.get("images")):
            if (file := read_image(image, self._round)) is not None:
                yield file
        for item in _objects(delta.get("executed_tools")):
            yield read_executed_tool(item, self._round)

    def _message(self) -> Message:
        message: Message = {"role": self._fields.get("role") or "assistant"}
        wire_calls = self._calls.wire_calls()
        for name, value in self._fields.items():
            if name == "tool_calls":
                if wire_calls:
                    message[name] = wire_calls
            elif name != "role":
                message[name] = value
        return message

    def _text(self) -> str:
        refusal = self._fields.get("refusal")
        return _content_text(self._fields.get("content"), "text") or (refusal if isinstance(refusal, str) else "")

    def _finish_reason(self, calls: tuple[ToolCall, ...]) -> FinishReason:
        raw = (self._raw_finish_reason or "").lower()
        if self._is_paused() and raw not in _FAILURES:
            return "pause"
        if raw in _FAILURES:
            raise ModelStreamError(f"the model's turn failed: {raw}", retryable=True, provider_code=raw)
        reason = _FINISH_REASONS.get(raw, "other") if raw else "stop"
        if reason == "tool_calls" and not calls:
            raise ModelStreamError("the server says that the model called tools, but sent no call", retryable=True)
        # Some servers say "stop" although there are calls (STREAM-13).
        return "tool_calls" if calls and reason in {"stop", "other"} else reason

    def _is_paused(self) -> bool:
        """Whether the provider wants to be asked to go on: the chat wire has no word for it, so it stands beside."""
        reported = (self._router or {}).get("finish_reason")
        return "pause_turn" in {self._native_reason, reported} or reported == "pause"


def _string(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _objects(value: Any) -> list[JsonObject]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _object(value: Any, what: str) -> JsonObject:
    if not isinstance(value, dict):
        raise ModelStreamError(f"malformed stream: {what} is not an object")
    return value


def _indexed_calls(message: Any) -> Any:
    """A plain message as one delta: its calls get the indexes they lack, so that none are joined."""
    calls = message.get("tool_calls") if isinstance(message, dict) else None
    if not isinstance(calls, list):
        return message
    numbered = [{**call, "index": place} if isinstance(call, dict) else call for place, call in enumerate(calls)]
    return {**message, "tool_calls": numbered}


def _joined_content(old: Any, new: Any) -> Any:
    """Content is text, or (from Mistral's reasoning models) a list of parts, or first one and then the other."""
    if new is None or old is None:
        return old if new is None else new
    if isinstance(old, str) and isinstance(new, str):
        return old + new
    return _parts(old) + _parts(new)


def _parts(content: Any) -> list[Any]:
    if isinstance(content, list):
        return content
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    raise ModelStreamError("malformed stream: content is neither text nor a list of parts")


def _readable(delta: JsonObject, round_number: int) -> Iterator[TextDelta | ReasoningDelta]:
    content = delta.get("content")
    # Some servers send the same reasoning under two names (REASON-19).
    reasoning = delta.get("reasoning_content") or delta.get("reasoning") or _content_text(content, "thinking")
    if isinstance(reasoning, str) and reasoning:
        yield ReasoningDelta(round_number, reasoning)
    for text in (_content_text(content, "text"), delta.get("refusal")):
        if isinstance(text, str) and text:
            yield TextDelta(round_number, text)


def _content_text(content: Any, kind: str) -> str:
    """The text of content, or of its parts of a kind; a part's text may itself be a list of text parts."""
    if isinstance(content, str):
        return content if kind == "text" else ""
    if not isinstance(content, list):
        return ""
    parts = (part for part in content if isinstance(part, dict) and part.get("type") == kind)
    return "".join(_content_text(part.get(kind), "text") for part in parts)
