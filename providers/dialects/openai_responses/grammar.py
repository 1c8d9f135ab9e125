"""The words and limits of OpenAI Responses that several modules here share."""

import re
from functools import partial
from typing import Final

from providers.spec.errors import InvalidRequestError
from providers.spec.values import Form
from providers.wire.foreign import report_foreign_fields
from providers.wire.ids import base62_digest

NAME: Final = "openai-responses"

CHAT: Final = "openai-chat"
"""The provider's other dialect: it has some fields of the same name and meaning."""

PATH: Final = "/responses"

CALL_ID: Final = r"[\x21-\x7e]{1,64}"
"""What a ``call_id`` must match: OpenAI refuses longer ones ("Expected a string with maximum length 64")."""

CALL_ID_LENGTH: Final = 64

ENCRYPTED: Final = "reasoning.encrypted_content"
"""The member of ``include`` that asks for sealed reasoning."""

SEGMENT: Final = "\n\n"
"""What stands between the segments of one reasoning item in its canonical text."""

ERROR_PREFIX: Final = "Error: "
"""How a failed tool result is told apart: the dialect has no flag for it (HIST-22)."""

FOREIGN_STATE: Final = "issued by another provider"

NOT_KNOWN: Final = f"not known to {NAME}"

_MINTED: Final = "_router"


def is_native(form: Form | None) -> bool:
    """Whether a node was written in this dialect."""
    return form is not None and form.dialect == NAME


def was_written(form: Form | None, key: str) -> bool:
    """Whether a node of this dialect had this key, with a value other than ``null``."""
    return form is not None and form.dialect == NAME and key in form.keys and key not in form.nulls


def minted_id(kind: str, response_id: str, index: int, role: str = "") -> str:
    """The id of an item that came without one, the same in a body and in a stream.

    ``kind`` is the prefix OpenAI demands for the type of item: ``msg``, ``fc``, ``rs``, ``ctc``.
    """
    return f"{kind}{_MINTED}{base62_digest(f'{response_id}:{index}:{role}', 24)}"


def is_minted(item_id: str) -> bool:
    """Whether an item id is of our own making: no provider knows it, so it goes to none."""
    return re.match(rf"[a-z]+{_MINTED}[0-9A-Za-z]{{24}}\Z", item_id) is not None


report_foreign_ext: Final = partial(report_foreign_fields, NAME)
"""Reports every carried field of another dialect as dropped: of a node's ``ext``, under its path."""


def check_tool_name(name: str, pattern: str, path: str) -> None:
    """Raise InvalidRequestError naming a tool whose name the target would refuse."""
    if not re.fullmatch(pattern, name):
        raise InvalidRequestError(f"{path}: tool name {name!r} must match {pattern}", path=path)
