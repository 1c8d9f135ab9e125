"""Judges the items of an OpenAI Responses request: what belongs together, what is genuine, what is stored."""

from __future__ import annotations

from typing import Any

from tests.fakes.openai_responses_hosts import Host
from tests.fakes.openai_words import too_long
from tests.fakes.refusal import Refusal
from tests.fakes.signatures import is_genuine

Body = dict[str, Any]

SECRET = "openai-responses"

_ID_PREFIX = {"reasoning": "rs", "function_call": "fc", "custom_tool_call": "ctc", "message": "msg"}

_CALLS = ("function_call", "custom_tool_call")
_OUTPUTS = ("function_call_output", "custom_tool_call_output")

THOUGHT = "thought"
"""Stands in the ids of items that this fake made after reasoning: they are refused without it."""


def kind_of(item: Body) -> str:
    """The type of an item; messages may leave it out."""
    return item.get("type") or "message"


def check_items(body: Body, host: Host, *, verify: bool) -> None:
    """Refuse what the provider refuses in a list of items.

    Args:
        body: the request, its shape already judged.
        host: whose rules are kept.
        verify: whether reasoning and references have to be this fake's own; False for what was recorded elsewhere.

    Raises:
        Refusal: the provider would refuse it.
    """
    items = body.get("input")
    if not isinstance(items, list):
        return
    _check_ids(items, host)
    _check_pairs(body, items)
    if host.answers_at_once:
        _check_answered_at_once(items)
    for index, item in enumerate(items):
        if kind_of(item) == "reasoning":
            _check_reasoning(items, index, host, verify=verify)
        elif verify and kind_of(item) == "item_reference":
            raise _not_found(item["id"])
        elif verify and THOUGHT in (item.get("id") or "") and not _follows_reasoning(items, index):
            text = f"Item '{item['id']}' of type '{kind_of(item)}' was provided without its required 'reasoning' item: "
            raise Refusal(text.removesuffix(": ") + ".", param="input")


def _check_ids(items: list[Body], host: Host) -> None:
    for index, item in enumerate(items):
        prefix = _ID_PREFIX.get(kind_of(item))
        if item.get("id") is None or prefix is None or not host.bound_reasoning:
            continue
        name = f"input[{index}].id"
        if not item["id"].startswith(prefix):
            text = f"Invalid '{name}': '{item['id']}'. Expected an ID that begins with '{prefix}'."
            raise Refusal(text, param=name, code="invalid_value")
        if len(item["id"]) > 64:
            raise too_long(name, 64, len(item["id"]))


def _check_pairs(body: Body, items: list[Body]) -> None:
    """Every output has its call before it, every call its output after it; what is stored may stand elsewhere."""
    stored = any(body.get(field) is not None for field in ("previous_response_id", "conversation"))
    stored = stored or any(kind_of(item) == "item_reference" for item in items)
    waiting: list[tuple[str, str]] = []
    for item in items:
        kind = kind_of(item)
        if kind in _CALLS:
            waiting.append((kind, item["call_id"]))
        elif kind in _OUTPUTS:
            call = (kind.removesuffix("_output"), item["call_id"])
            if call in waiting:
                waiting.remove(call)
            elif not stored:
                words = "function call" if kind == "function_call_output" else "custom tool call"
                text = f"No tool call found for {words} output with call_id {item['call_id']}."
                raise Refusal(text, param="input")
    if waiting:
        raise Refusal(f"No tool output found for {waiting[0][0].replace('_', ' ')} {waiting[0][1]}.", param="input")


def _check_answered_at_once(items: list[Body]) -> None:
    open_calls: list[str] = []
    for item in items:
        kind = kind_of(item)
        if kind in _OUTPUTS and item["call_id"] in open_calls:
            open_calls.remove(item["call_id"])
        elif kind in _CALLS:
            open_calls.append(item["call_id"])
        elif kind == "message" and open_calls:
            raise Refusal(f"No tool output found for tool call {open_calls[0]}.", code="invalid_request_error")


def _check_reasoning(items: list[Body], index: int, host: Host, *, verify: bool) -> None:
    item = items[index]
    item_id = item.get("id")
    following = items[index + 1] if index + 1 < len(items) else {}
    if host.bound_reasoning and not _is_bound_by(following, named=item_id is not None):
        name = f"'{item_id}' " if item_id else ""
        raise Refusal(
            f"Item {name}of type 'reasoning' was provided without its required following item.", param="input"
        )
    if not verify:
        return
    sealed = item.get("encrypted_content")
    if sealed is None:
        raise _not_found(item_id)
    if not is_genuine(SECRET, sealed, None):
        text = f"The encrypted content for item {item_id} could not be verified. Reason: Encrypted content could not be"
        raise Refusal(f"{text} decrypted or parsed.", code="invalid_encrypted_content")
    if item_id is not None and not is_genuine(SECRET, sealed, item_id):
        text = f"The encrypted content for item {item_id} could not be verified. Reason: Encrypted content item_id"
        raise Refusal(f"{text} did not match the target item id.", code="invalid_encrypted_content")


def _is_bound_by(following: Body, *, named: bool) -> bool:
    """Whether an item can be the one that reasoning was given with: a message must be known by an id if that is."""
    kind = kind_of(following)
    if kind != "message":
        return kind not in _OUTPUTS
    return following.get("role") == "assistant" and (not named or following.get("id") is not None)


def _follows_reasoning(items: list[Body], index: int) -> bool:
    for item in reversed(items[:index]):
        kind = kind_of(item)
        if kind == "reasoning":
            return True
        if kind in _OUTPUTS or (kind == "message" and item.get("role") != "assistant"):
            return False
    return False


def _not_found(item_id: str | None) -> Refusal:
    text = f"Item with id '{item_id}' not found. Items are not persisted when `store` is set to false."
    return Refusal(
        f"{text} Try again with `store` set to true, or remove this item from your input.", status=404, param="input"
    )
