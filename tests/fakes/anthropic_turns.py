"""Judges the order of messages and blocks of an Anthropic Messages request."""

from __future__ import annotations

from typing import Any

from tests.fakes.refusal import Refusal
from tests.fakes.signatures import is_genuine

Body = dict[str, Any]
SECRET = "anthropic"
"""Key of the fake's own thinking signatures."""

_OF_USER = {"tool_result", "image", "document", "search_result", "container_upload"}
_OF_ASSISTANT = {"tool_use", "thinking", "redacted_thinking", "server_tool_use", "mcp_tool_use"}
_THINKING = ("thinking", "redacted_thinking")


def check_turns(messages: list[Body]) -> None:
    """Refuse what Anthropic refuses in the order of messages and blocks.

    Raises:
        Refusal: no message, a wrong start, an empty or misplaced block, calls and results that do not pair.
    """
    if not messages:
        raise Refusal("messages: at least one message is required")
    if messages[0]["role"] != "user":
        raise Refusal('messages: first message must use the "user" role')
    for index, message in enumerate(messages):
        _check_content(messages, index, message)
    _check_unique_ids(messages)
    _check_pairs(messages)


def blocks_of(message: Body) -> list[Body]:
    """A message's blocks; a plain text is one block."""
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _check_content(messages: list[Body], index: int, message: Body) -> None:
    blocks = blocks_of(message)
    final_assistant = index == len(messages) - 1 and message["role"] == "assistant"
    if not message["content"] and not final_assistant:
        text = "all messages must have non-empty content except for the optional final assistant message"
        raise Refusal(f"messages.{index}: {text}")
    for position, block in enumerate(blocks):
        if block["type"] == "text":
            _check_text(block["text"])
        if message["role"] == "user" and block["type"] in _OF_ASSISTANT:
            text = f"`{block['type']}` blocks can only be in `assistant` messages"
            raise Refusal(f"messages.{index}.content.{position}: {text}")
        if message["role"] == "assistant" and block["type"] in _OF_USER:
            text = f"`{block['type']}` blocks can only be in `user` messages"
            raise Refusal(f"messages.{index}.content.{position}: {text}")
        if block["type"] == "tool_result" and isinstance(block.get("content"), list):
            for part in block["content"]:
                if part["type"] == "text":
                    _check_text(part["text"])


def _check_text(text: str) -> None:
    if not text:
        raise Refusal("messages: text content blocks must be non-empty")
    if not text.strip():
        raise Refusal("messages: text content blocks must contain non-whitespace text")


def _check_unique_ids(messages: list[Body]) -> None:
    seen: set[str] = set()
    for index, message in enumerate(messages):
        for position, block in enumerate(blocks_of(message)):
            if block["type"] != "tool_use":
                continue
            if block["id"] in seen:
                raise Refusal(f"messages.{index}.content.{position}: `tool_use` ids must be unique")
            seen.add(block["id"])


def _check_pairs(messages: list[Body]) -> None:
    """Every call is answered once, first thing in the next user message, and nothing else is answered.

    Neighbours of one role count as one message, as the API joins them.
    """
    awaited: list[str] = []
    asked_at = 0
    for index, role, blocks in merged(messages):
        results = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        if role == "user":
            leading = _leading_results(blocks)
            missing = [key for key in awaited if key not in leading]
            _check_results(index, results, awaited)
            if missing:
                raise _unanswered(asked_at, missing)
        elif awaited:
            raise _unanswered(asked_at, awaited)
        awaited = [block["id"] for block in blocks if block["type"] == "tool_use"]
        asked_at = index
    if awaited:
        raise _unanswered(asked_at, awaited)


def merged(messages: list[Body]) -> list[tuple[int, str, list[Body]]]:
    """Index of the first message, role and blocks; neighbours of one role joined, system messages left out."""
    turns: list[tuple[int, str, list[Body]]] = []
    for index, message in enumerate(messages):
        if message["role"] == "system":
            continue
        if turns and turns[-1][1] == message["role"]:
            turns[-1][2].extend(blocks_of(message))
        else:
            turns.append((index, message["role"], list(blocks_of(message))))
    return turns


def _leading_results(blocks: list[Body]) -> list[str]:
    leading: list[str] = []
    for block in blocks:
        if block["type"] != "tool_result":
            break
        leading.append(block["tool_use_id"])
    return leading


def _check_results(index: int, results: list[str], awaited: list[str]) -> None:
    for position, key in enumerate(results):
        if key not in awaited:
            raise Refusal(
                f"messages.{index}.content.{position}: unexpected `tool_use_id` found in `tool_result` blocks: {key}. "
                "Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
            )
        if results.count(key) > 1:
            text = f"each tool_use must have a single result. Found multiple `tool_result` blocks with id: {key}"
            raise Refusal(f"messages.{index}.content.{position}: {text}")


def _unanswered(index: int, keys: list[str]) -> Refusal:
    return Refusal(
        f"messages.{index}: `tool_use` ids were found without `tool_result` blocks immediately after: "
        f"{', '.join(keys)}. Each `tool_use` block must have a corresponding `tool_result` block in the next message."
    )


# --- thinking in the history


def check_thinking_history(body: Body, *, verify_signatures: bool) -> None:
    """Refuse damaged thinking, and a tool turn without its thinking where manual thinking is on.

    Raises:
        Refusal: a signature does not fit, or the current tool turn does not start with thinking.
    """
    if verify_signatures:
        for index, message in enumerate(body["messages"]):
            for position, block in enumerate(blocks_of(message)):
                _check_signature(f"messages.{index}.content.{position}", block)
    if (body.get("thinking") or {}).get("type") == "enabled":
        _check_starts_with_thinking(merged(body["messages"]))


def _check_signature(path: str, block: Body) -> None:
    if block["type"] == "thinking":
        # Withheld thinking comes back as an empty text with its signature.
        if not is_genuine(SECRET, block["signature"], block["thinking"] or None):
            raise Refusal(f"{path}: Invalid `signature` in `thinking` block")
    elif block["type"] == "redacted_thinking" and not is_genuine(SECRET, block["data"], None):
        raise Refusal(f"{path}: Invalid `data` in `redacted_thinking` block")


def _check_starts_with_thinking(turns: list[tuple[int, str, list[Body]]]) -> None:
    index, _, blocks = next((turn for turn in reversed(turns) if turn[1] == "assistant"), (0, "", []))
    answered = turns[-1][1] == "user" and any(block["type"] == "tool_result" for block in turns[-1][2])
    prefill = turns[-1][1] == "assistant"
    if not blocks or not (answered or prefill):
        return
    found = blocks[0]["type"]
    if found not in _THINKING:
        raise Refusal(
            f"messages.{index}.content.0.type: Expected `thinking` or `redacted_thinking`, but found `{found}`. When "
            "`thinking` is enabled, a final `assistant` message must start with a thinking block (preceeding the "
            "lastmost set of `tool_use` and `tool_result` blocks). We recommend you include thinking blocks from "
            "previous turns. To avoid this requirement, disable `thinking`."
        )
