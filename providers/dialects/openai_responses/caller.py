"""Reads what a caller wrote: what says nothing beyond the default is spelling, and no loss anywhere."""

from typing import Final

from providers.dialects.openai_responses.grammar import ENCRYPTED, NAME
from providers.spec.values import Ext, Form, Json, JsonObject
from providers.wire.json import dumps_text, loads
from providers.wire.reader import Reader, variant

_DEFAULTS: Final[JsonObject] = {
    "background": False,
    "include": [ENCRYPTED],
    "metadata": {},
    "store": False,
    "truncation": "disabled",
}
"""Values that any target of ours gives anyway: nothing is stored or cut off, and reasoning comes back sealed."""


class CallerReader(Reader):
    """A reader for which every key spelled ``null`` reads as absent, whether it is known or not."""

    def rest(self) -> Ext:
        """What nobody took, without the keys that were ``null``; the form remembers those."""
        for key in [key for key, value in self._rest.items() if value is None]:
            self.take(key)
        return super().rest()

    def take_empty(self, key: str) -> None:
        """Take a list that is empty: its presence is spelling."""
        if self.peek(key) == []:
            self.take(key)
            self.variants[key] = "empty"


def take_defaults(reader: Reader) -> None:
    """Take the fields of a request that ask for what is given anyway."""
    taken: JsonObject = {}
    for key, value in _DEFAULTS.items():
        given = reader.peek(key)
        if type(given) is type(value) and given == value:
            taken[key] = reader.take(key)
    if taken:
        reader.variants["defaults"] = dumps_text(taken)


def spelled_defaults(form: Form | None) -> JsonObject:
    """The fields that ``take_defaults`` took."""
    spelled = variant(form, NAME, "defaults")
    value: Json = loads(spelled) if spelled is not None else {}
    return value if isinstance(value, dict) else {}
