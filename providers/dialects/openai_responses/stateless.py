"""What a face that keeps nothing has to refuse of a Responses request, by name and with advice."""

from typing import Final

from providers.spec.errors import InvalidRequestError
from providers.spec.values import JsonObject

_WHOLE: Final = "send the whole conversation in `input`"

_ADVICE: Final = {
    "previous_response_id": f"this router stores no responses; {_WHOLE}, the output items of earlier answers included",
    "conversation": f"this router keeps no conversations; {_WHOLE}",
    "prompt": "this router keeps no prompt templates; send their text in `instructions` and `input`",
}
"""Fields that refer to something stored, and what to do instead (ID-12)."""


def check_stateless(body: JsonObject) -> None:
    """Raise InvalidRequestError, with the JSON path, where a request refers to anything stored or runs in background.

    For faces that translate; a request that is relayed in its own dialect may refer to what its provider stores.
    """
    for field, advice in _ADVICE.items():
        if body.get(field) is not None:
            raise InvalidRequestError(f"{field}: not supported: {advice}", path=field)
    if body.get("background") is True:
        message = "background: not supported: this router keeps no jobs; leave it out and read the answer as a stream"
        raise InvalidRequestError(message, path="background")
    items = body.get("input")
    for index, item in enumerate(items if isinstance(items, list) else ()):
        if isinstance(item, dict) and item.get("type") == "item_reference":
            path = f"input[{index}]"
            message = f"{path}: not supported: this router stores no items; send the item itself instead of its id"
            raise InvalidRequestError(message, path=path)
