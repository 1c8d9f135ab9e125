"""Reads what a browser sent, member by member, and says where it is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

from loop_client.jsontext import JsonObject


class InvalidUIMessages(ValueError):
    """UI messages that the protocol does not allow. The text names the place and never a value."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path
        """Such as ``messages[2].parts[0].state``."""


class Fields:
    """One JSON object, read by name. Members that nobody asks for are ignored: the protocol grows.

    Raises:
        InvalidUIMessages: it is no object, or a member that is asked for has another type.
    """

    def __init__(self, value: object, path: str) -> None:
        if not isinstance(value, dict):
            raise InvalidUIMessages(path, "an object is expected")
        self.raw: JsonObject = value
        self.path = path

    def text(self, name: str) -> str:
        """A string that must be there."""
        value = self.raw.get(name)
        if not isinstance(value, str):
            raise self.problem(name, "a string is expected")
        return value

    def optional_text(self, name: str) -> str | None:
        """A string, or None where there is none."""
        return None if self.raw.get(name) is None else self.text(name)

    def optional_flag(self, name: str) -> bool | None:
        """True or false, or None where neither is said."""
        value = self.raw.get(name)
        if value is not None and not isinstance(value, bool):
            raise self.problem(name, "true or false is expected")
        return value

    def object(self, name: str) -> Self:
        """An object; an empty one where there is none."""
        value = self.raw.get(name)
        return type(self)({} if value is None else value, f"{self.path}.{name}")

    def items(self, name: str) -> Iterator[Fields]:
        """The objects of a list that must be there."""
        return objects(self.raw.get(name), f"{self.path}.{name}")

    def problem(self, name: str, what: str) -> InvalidUIMessages:
        """What is wrong with a member."""
        return InvalidUIMessages(f"{self.path}.{name}", what)


def objects(value: object, path: str) -> Iterator[Fields]:
    """The objects of a list.

    Raises:
        InvalidUIMessages: it is no list, or something in it is no object.
    """
    if not isinstance(value, list):
        raise InvalidUIMessages(path, "a list is expected")
    for index, item in enumerate(value):
        yield Fields(item, f"{path}[{index}]")
