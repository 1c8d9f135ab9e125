"""Objects in either spelling that Google takes, camelCase or snake_case, remembered and written back alike.

Keys are asked for and given in camelCase; which spelling an object used is what its form says. Objects inside objects
that are one value of the canonical form (``functionCall`` of a part) keep their own form inside the outer one.
"""

import re
from functools import lru_cache
from typing import cast

from providers.dialects.gemini.grammar import NAME
from providers.spec.errors import InvalidRequestError
from providers.spec.values import Ext, Form, Json, JsonObject, extended
from providers.wire.json import JsonError, dumps_text, loads, loads_object
from providers.wire.reader import LenientReader, Reader, arranged, variant


@lru_cache(maxsize=512)
def snake_case(key: str) -> str:
    """``thoughtSignature`` as ``thought_signature``."""
    return re.sub(r"[A-Z]", lambda letter: f"_{letter[0].lower()}", key)


class GeminiReader(Reader):
    """One object of what a caller sent."""

    def spelling(self, key: str) -> str:
        """The key as this object spells it; camelCase where it has both or neither."""
        if key in self._value:
            return key
        other = snake_case(key)
        return other if other in self._value else key

    def at(self, key: str) -> str:
        """The JSON path of a key, as spelled."""
        return super().at(self.spelling(key))

    def has(self, key: str) -> bool:
        """Whether the key is still there and not null."""
        return super().has(self.spelling(key))

    def peek(self, key: str) -> Json:
        """The value without taking it."""
        return super().peek(self.spelling(key))

    def take(self, key: str) -> Json:
        """The value whatever its type."""
        return super().take(self.spelling(key))

    def nested(self, key: str) -> "GeminiReader | None":
        """A reader of the object under this key, or ``None``."""
        return cast("GeminiReader | None", super().nested(key))

    def required_nested(self, key: str) -> "GeminiReader":
        """A reader of the object under this key. Raises InvalidRequestError where there is none."""
        nested = self.nested(key)
        if nested is None:
            raise InvalidRequestError(f"{self.at(key)}: expected an object", path=self.at(key))
        return nested

    def whole(self, key: str) -> int | None:
        """An integer, also as text or as a float without fraction (JSON of protocol buffers), or ``None``."""
        value = self.peek(key)
        number = _whole(value)
        if number is None:
            return self.integer(key)
        self.take(key)
        if not isinstance(value, int):
            self.variants[key] = dumps_text(value)
        return number

    def rest(self) -> Ext:
        """What nobody took. A key spelled ``null`` says nothing that could be lost: the form alone has it."""
        for key in [key for key, value in self._rest.items() if value is None]:
            super().take(key)
        return super().rest()

    def keep(self, key: str, inner: "GeminiReader") -> JsonObject:
        """Remember how ``inner``, under ``key``, was spelled. Gives what of it nobody took, to be carried."""
        rest = extended(inner.rest(), NAME)
        form = inner.form()
        spelled: JsonObject = {"keys": list(form.keys)}
        if form.nulls:
            spelled["nulls"] = list(form.nulls)
        if form.variants:
            spelled["variants"] = dict(form.variants)
        self.variants[key] = dumps_text(spelled)
        return {key: rest} if rest else {}


class LenientGeminiReader(GeminiReader, LenientReader):
    """One object of what a provider sent: an optional key of the wrong type reads as absent and is carried."""


def _whole(value: Json) -> int | None:
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,19}", value):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return None


def is_native(form: Form | None) -> bool:
    """Whether a node was written in this dialect."""
    return form is not None and form.dialect == NAME


def was_written(form: Form | None, key: str) -> bool:
    """Whether a node of this dialect had this key, in either spelling, with a value other than ``null``."""
    if form is None or form.dialect != NAME:
        return False
    return any(name in form.keys and name not in form.nulls for name in (key, snake_case(key)))


def kept_form(form: Form | None, key: str) -> Form | None:
    """The form of an inner object that ``GeminiReader.keep`` remembered."""
    if form is None:
        return None
    text = variant(form, NAME, key)
    return None if text is None else form_of(text)


def form_of(text: str) -> Form | None:
    """A form from its JSON text; ``None`` where it is none."""
    try:
        spelled = loads_object(text)
    except JsonError:
        return None
    variants = spelled.get("variants")
    return Form(
        dialect=NAME,
        keys=_texts(spelled.get("keys")),
        nulls=_texts(spelled.get("nulls")),
        variants={key: str(value) for key, value in variants.items()} if isinstance(variants, dict) else {},
    )


def _texts(value: Json) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def written(fields: JsonObject, ext: Ext, form: Form | None) -> JsonObject:
    """``fields`` (in camelCase) and the carried ones as one object, spelled and ordered as ``form`` says."""
    if form is None or form.dialect != NAME:
        return arranged(fields, ext, None, NAME)
    spelled = {_spelled(key, form): _as_written(key, value, form) for key, value in fields.items()}
    return arranged(spelled, ext, form, NAME)


def _spelled(key: str, form: Form) -> str:
    other = snake_case(key)
    return other if key not in form.keys and other in form.keys else key


def _as_written(key: str, value: Json, form: Form) -> Json:
    """A whole number as it was written (``"8"``, ``40.0``), as long as it is the same number."""
    text = form.variants.get(key)
    if text is None or not isinstance(value, int) or isinstance(value, bool):
        return value
    try:
        literal = loads(text)
    except JsonError:
        return value
    return literal if _whole(literal) == value else value


def merged(ext: Ext, fields: JsonObject) -> Ext:
    """Carried fields of a node and those of its inner objects."""
    return {**ext, NAME: {**extended(ext, NAME), **fields}} if fields else ext


def inner_ext(ext: Ext, key: str) -> Ext:
    """What was carried of the inner object under ``key``."""
    if not ext:
        return ext
    rest = extended(ext, NAME).get(key)
    return {NAME: rest} if isinstance(rest, dict) else {}


def outer_ext(ext: Ext, *keys: str) -> Ext:
    """What was carried of the object itself, without its inner objects under ``keys``."""
    if not ext:
        return ext
    return {NAME: {key: value for key, value in extended(ext, NAME).items() if key not in keys}}
