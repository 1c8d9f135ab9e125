"""Puts one reply into OpenAI Responses, plain or streamed."""

from __future__ import annotations

import json
from typing import Any

from tests.fakes.openai_responses_items import SECRET, THOUGHT
from tests.fakes.scenario import MadeCall, Reply, call_id, pieces
from tests.fakes.signatures import sign

Body = dict[str, Any]

_ECHOED: Body = {
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "reasoning": {"effort": None, "summary": None},
    "service_tier": "default",
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}, "verbosity": "medium"},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}


class Writer:
    """One answer to one request."""

    def __init__(self, body: Body, reply: Reply):
        self._body = body
        self._reply = reply
        self._sequence = 0
        self._round = reply.calls[0].position if reply.calls else "end"

    def plain(self) -> Body:
        """The whole answer."""
        cut = self._reply.finish == "length"
        details = {"reason": "max_output_tokens"} if cut else None
        return {
            **self._head("incomplete" if cut else "completed"),
            "incomplete_details": details,
            "output": self._items(),
            "usage": self._usage(),
        }

    def events(self) -> list[Body]:
        """The answer as a stream."""
        begun = {**self._head("in_progress"), "incomplete_details": None, "output": [], "usage": None}
        events = [self._event("response.created", response=begun), self._event("response.in_progress", response=begun)]
        for index, item in enumerate(self._items()):
            events += self._item_events(index, item)
        last = self.plain()
        return [*events, self._event(f"response.{last['status']}", response=last)]

    # --- the answer

    def _head(self, status: str) -> Body:
        echoed = {key: self._body.get(key) or value for key, value in _ECHOED.items()}
        return {
            "id": f"resp_fake{self._round.replace('-', '')}",
            "object": "response",
            "created_at": 1_790_000_000,
            "status": status,
            "error": None,
            "model": self._body["model"],
            **echoed,
            "store": self._body.get("store") is not False,
        }

    def _items(self) -> list[Body]:
        """Reasoning, text, calls: what follows reasoning is known by an id that says so."""
        items: list[Body] = []
        bound = THOUGHT if self._reply.thinking else "plain"
        if self._reply.thinking:
            items.append(self._reasoning())
        if self._reply.text:
            part = {"type": "output_text", "annotations": [], "logprobs": [], "text": self._reply.text}
            items.append(
                {
                    "id": f"msg_{bound}_{self._round}",
                    "type": "message",
                    "status": "completed",
                    "content": [part],
                    "role": "assistant",
                }
            )
        return [*items, *(self._call(call, bound) for call in self._reply.calls)]

    def _reasoning(self) -> Body:
        item_id = f"rs_fake_{self._round}"
        wanted = (self._body.get("reasoning") or {}).get("summary")
        summary = [{"type": "summary_text", "text": text} for text in self._segments()] if wanted else []
        return {
            "id": item_id,
            "type": "reasoning",
            "encrypted_content": sign(SECRET, item_id),
            "summary": summary,
        }

    def _segments(self) -> list[str]:
        """The thinking in two segments, as longer reasoning has them."""
        middle = len(self._reply.thinking) // 2
        return [self._reply.thinking[:middle], self._reply.thinking[middle:]]

    def _call(self, call: MadeCall, bound: str) -> Body:
        text = json.dumps(call.arguments, separators=(",", ":"), ensure_ascii=False)
        cut = self._reply.finish == "length" and call is self._reply.calls[-1]
        status = "incomplete" if cut else "completed"
        text = text[: len(text) // 2] if cut else text
        custom = any(
            tool["type"] == "custom" and tool.get("name") == call.name for tool in self._body.get("tools") or []
        )
        prefix, kind, field = ("ctc", "custom_tool_call", "input") if custom else ("fc", "function_call", "arguments")
        return {
            "id": f"{prefix}_{bound}_{call.position}",
            "type": kind,
            "status": status,
            field: text,
            "call_id": call_id("responses", call, prefix="call_", length=24),
            "name": call.name,
        }

    def _usage(self) -> Body:
        usage = self._reply.usage
        made = usage.output + usage.thinking
        return {
            "input_tokens": usage.input,
            "input_tokens_details": {"cached_tokens": usage.cached},
            "output_tokens": made,
            "output_tokens_details": {"reasoning_tokens": usage.thinking},
            "total_tokens": usage.input + made,
        }

    # --- the stream

    def _event(self, kind: str, **fields: Any) -> Body:
        self._sequence += 1
        return {"type": kind, "sequence_number": self._sequence - 1, **fields}

    def _item_events(self, index: int, item: Body) -> list[Body]:
        place = {"output_index": index, "item_id": item["id"]}
        added: Body
        match item["type"]:
            case "reasoning":
                # What is sealed when the item begins is not yet what has to be sent back.
                added = {**item, "summary": [], "encrypted_content": "gAAAAA-not-yet"}
                grown = self._summary_events(place, item["summary"])
            case "message":
                added = {**item, "status": "in_progress", "content": []}
                grown = self._text_events(place, item["content"][0])
            case kind:
                field = "input" if kind == "custom_tool_call" else "arguments"
                added = {**item, "status": "in_progress", field: ""}
                grown = self._call_events(place, item, field)
        # Numbered in the order they are sent.
        return self._renumbered(
            [
                self._event("response.output_item.added", output_index=index, item=added),
                *grown,
                self._event("response.output_item.done", output_index=index, item=item),
            ]
        )

    def _renumbered(self, events: list[Body]) -> list[Body]:
        first = self._sequence - len(events)
        return [{**event, "sequence_number": first + offset} for offset, event in enumerate(events)]

    def _summary_events(self, place: Body, summary: list[Body]) -> list[Body]:
        events: list[Body] = []
        for number, part in enumerate(summary):
            at = {**place, "summary_index": number}
            empty = {**part, "text": ""}
            events.append(self._event("response.reasoning_summary_part.added", **at, part=empty))
            events += [
                self._event("response.reasoning_summary_text.delta", **at, delta=piece)
                for piece in pieces(part["text"])
            ]
            events.append(self._event("response.reasoning_summary_text.done", **at, text=part["text"]))
            events.append(self._event("response.reasoning_summary_part.done", **at, part=part))
        return events

    def _text_events(self, place: Body, part: Body) -> list[Body]:
        at = {**place, "content_index": 0}
        events = [self._event("response.content_part.added", **at, part={**part, "text": ""})]
        events += [
            self._event("response.output_text.delta", **at, delta=piece, logprobs=[]) for piece in pieces(part["text"])
        ]
        events.append(self._event("response.output_text.done", **at, text=part["text"], logprobs=[]))
        return [*events, self._event("response.content_part.done", **at, part=part)]

    def _call_events(self, place: Body, item: Body, field: str) -> list[Body]:
        kind = "custom_tool_call_input" if field == "input" else "function_call_arguments"
        events = [self._event(f"response.{kind}.delta", **place, delta=piece) for piece in pieces(item[field])]
        return [*events, self._event(f"response.{kind}.done", **place, **{field: item[field]})]
