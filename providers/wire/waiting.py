"""Calls that wait for their results, found without a look at each: a turn may have thousands."""

from collections import defaultdict, deque
from collections.abc import Iterator
from typing import Generic, TypeVar

Call = TypeVar("Call")


class Waiting(Generic[Call]):
    """In the order they were made. A result takes the first call that has its id.

    A result without id takes the first of its name, or of any where it has none, among the calls that were added as
    ``nameable``.
    """

    def __init__(self) -> None:
        self._calls: dict[int, Call] = {}
        """By number; those that were taken are gone."""
        self._made = 0
        self._by_id: defaultdict[str, deque[int]] = defaultdict(deque)
        self._by_name: defaultdict[str | None, deque[int]] = defaultdict(deque)
        """Under ``None`` all of them. Those that were taken another way are passed over when it is their turn."""

    def __bool__(self) -> bool:
        return bool(self._calls)

    def __iter__(self) -> Iterator[Call]:
        return iter(self._calls.values())

    def add(self, call: Call, call_id: str, name: str, *, nameable: bool) -> None:
        """A call was made."""
        number, self._made = self._made, self._made + 1
        self._calls[number] = call
        self._by_id[call_id].append(number)
        if nameable:
            self._by_name[name].append(number)
            self._by_name[None].append(number)

    def take(self, call_id: str, name: str | None) -> Call | None:
        """The call that is answered by a result of this id (which may be empty) and name."""
        numbers = self._by_id.get(call_id) if call_id else self._by_name.get(name)
        while numbers:
            call = self._calls.pop(numbers.popleft(), None)
            if call is not None:
                return call
        return None

    def clear(self) -> None:
        """None waits any more."""
        self._calls.clear()
        self._by_id.clear()
        self._by_name.clear()
