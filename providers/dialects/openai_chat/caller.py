"""Reads what a caller wrote: what says nothing beyond the default is spelling, and no loss anywhere."""

from typing import Final

from providers.dialects.openai_chat.grammar import NAME, note_inner, variant_of
from providers.spec.values import Ext, Form, Json, JsonObject
from providers.wire.json import dumps_text, loads
from providers.wire.reader import Reader

_DEFAULTS: Final[JsonObject] = {
    "frequency_penalty": 0,
    "logit_bias": {},
    "logprobs": False,
    "metadata": {},
    "modalities": ["text"],
    "presence_penalty": 0,
    "service_tier": "auto",
    "store": False,
}
"""Values that any target gives anyway (OpenAI's reference of the request)."""


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


def rest_with(reader: Reader, field: str, inner: Reader) -> Ext:
    """What is carried of an object and of the one under ``field``; remembers how the inner one was spelled."""
    below = inner.rest().get(NAME)
    form = inner.form()
    note_inner(reader.variants, field, dict.fromkeys(form.keys), form.nulls)
    rest: JsonObject = dict(reader.rest().get(NAME, {}))
    if below:
        rest[field] = below
    return {NAME: rest} if rest else {}


def take_defaults(reader: Reader) -> None:
    """Take the fields of a request that ask for what is given anyway."""
    taken: JsonObject = {}
    for key, value in _DEFAULTS.items():
        given = reader.peek(key)
        if given is not None and isinstance(given, bool) is isinstance(value, bool) and given == value:
            taken[key] = reader.take(key)
    if taken:
        reader.variants["defaults"] = dumps_text(taken)


def spelled_defaults(form: Form | None) -> JsonObject:
    """The fields that ``take_defaults`` took."""
    spelled = variant_of(form, "defaults")
    value: Json = loads(spelled) if spelled is not None else {}
    return value if isinstance(value, dict) else {}
