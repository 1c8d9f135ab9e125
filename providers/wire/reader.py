"""Consume or carry: every key of a JSON object is taken with a type, or handed over as carried."""

from typing import TypeVar

from providers.spec.errors import InvalidRequestError
from providers.spec.values import Ext, Form, Json, JsonObject
from providers.wire.json import type_name

Kind = TypeVar("Kind")


class Reader:
    """One JSON object being read. A key taken is gone; ``rest`` is what nobody took.

    Wrong types raise InvalidRequestError with the JSON path; unknown keys never do.
    A key spelled ``null`` reads as absent and is remembered in the form.
    """

    def __init__(self, value: Json, path: str, dialect: str) -> None:
        if not isinstance(value, dict):
            raise InvalidRequestError(f"{path or 'body'}: expected an object, got {type_name(value)}", path=path)
        self.path = path
        self.dialect = dialect
        self._value = value
        self._rest = dict(value)
        self._nulls: list[str] = []
        self.variants: dict[str, str] = {}
        """Which of several shapes a field had; ends up in the form."""

    def at(self, key: str) -> str:
        """The JSON path of one of this object's keys."""
        return f"{self.path}.{key}" if self.path else key

    def has(self, key: str) -> bool:
        """Whether the key is still there and not null."""
        return self._rest.get(key) is not None

    def peek(self, key: str) -> Json:
        """The value without taking it; ``None`` where absent."""
        return self._rest.get(key)

    def take(self, key: str) -> Json:
        """The value whatever its type; ``None`` where absent or null."""
        if key not in self._rest:
            return None
        value = self._rest.pop(key)
        if value is None:
            self._nulls.append(key)
        return value

    def _taken(self, key: str, value: Kind) -> Kind:
        """What nearly every key holds: a value of just the right type."""
        del self._rest[key]
        return value

    def _typed(self, key: str, kind: type[Kind] | tuple[type[Kind], ...], expected: str) -> Kind | None:
        value = self.take(key)
        if value is None:
            return None
        # bool is an int in Python and not in JSON.
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            path = self.at(key)
            raise InvalidRequestError(f"{path}: expected {expected}, got {type_name(value)}", path=path)
        return value

    def text(self, key: str) -> str | None:
        """A string, or ``None``."""
        value = self._rest.get(key)
        return self._taken(key, value) if type(value) is str else self._typed(key, str, "a string")

    def integer(self, key: str) -> int | None:
        """An integer, or ``None``."""
        value = self._rest.get(key)
        return self._taken(key, value) if type(value) is int else self._typed(key, int, "an integer")

    def number(self, key: str) -> float | None:
        """A number (its literal kept), or ``None``."""
        return self._typed(key, (int, float), "a number")

    def boolean(self, key: str) -> bool | None:
        """A boolean, or ``None``."""
        value = self._rest.get(key)
        return self._taken(key, value) if type(value) is bool else self._typed(key, bool, "a boolean")

    def array(self, key: str) -> list[Json] | None:
        """An array, or ``None``."""
        value = self._rest.get(key)
        return self._taken(key, value) if type(value) is list else self._typed(key, list, "an array")

    def object(self, key: str) -> JsonObject | None:
        """An object, or ``None``."""
        value = self._rest.get(key)
        return self._taken(key, value) if type(value) is dict else self._typed(key, dict, "an object")

    def nested(self, key: str) -> "Reader | None":
        """A reader of the object under this key, or ``None``."""
        value = self.object(key)
        return None if value is None else type(self)(value, self.at(key), self.dialect)

    def required_text(self, key: str) -> str:
        """A string that must be there. Raises InvalidRequestError where it is not."""
        value = self.text(key)
        if value is None:
            raise InvalidRequestError(f"{self.at(key)}: required", path=self.at(key))
        return value

    def required_array(self, key: str) -> list[Json]:
        """An array that must be there. Raises InvalidRequestError where it is not."""
        value = self.array(key)
        if value is None:
            raise InvalidRequestError(f"{self.at(key)}: required", path=self.at(key))
        return value

    def give_back(self, key: str, value: Json) -> None:
        """Leave something under a key that was taken: it is carried."""
        self._rest[key] = value

    def rest(self) -> Ext:
        """What nobody took, under this dialect's name; empty where all was taken."""
        return {self.dialect: self._rest} if self._rest else {}

    def form(self) -> Form:
        """How this object was spelled."""
        return Form(dialect=self.dialect, keys=tuple(self._value), nulls=tuple(self._nulls), variants=self.variants)


class LenientReader(Reader):
    """For what a provider sent: an optional key of the wrong type reads as absent and is carried.

    Keys that are required still raise InvalidRequestError; the caller turns that into ProviderProtocolError.
    """

    def _typed(self, key: str, kind: type[Kind] | tuple[type[Kind], ...], expected: str) -> Kind | None:
        value = self.peek(key)
        if value is not None and (not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool)):
            return None
        return super()._typed(key, kind, expected)


def arranged(fields: JsonObject, ext: Ext, form: Form | None, dialect: str) -> JsonObject:
    """``fields`` and the carried ones of this dialect as one object, in the order of ``form`` where there is one.

    ``None`` in ``fields`` means absent. Keys that the form says were spelled ``null``, and that have no value now,
    are spelled so again. Fields win over carried ones of the same name.
    """
    present: JsonObject = {key: value for key, value in fields.items() if value is not None}
    if ext and (carried := ext.get(dialect)):
        present = {**carried, **present}
    if form is None or form.dialect != dialect:
        return present
    ordered: JsonObject = {}
    for key in form.keys:
        if key in present:
            ordered[key] = present.pop(key)
        elif key in form.nulls:
            ordered[key] = None
    ordered.update(present)
    return ordered


def variant(form: Form | None, dialect: str, field: str) -> str | None:
    """Which shape a field had in this dialect, where its form remembers one."""
    return form.variants.get(field) if form is not None and form.dialect == dialect else None
