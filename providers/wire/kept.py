"""What was made of bytes that come again, kept within bounds that no caller can move."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

Made = TypeVar("Made")


class Kept(Generic[Made]):
    """Makes something of bytes, once for those that were used last. Not shared between threads."""

    def __init__(self, make: Callable[[bytes], Made], *, most: int, most_bytes: int, largest: int) -> None:
        """At most ``most`` are kept, of ``most_bytes`` together; nothing is that was made of more than ``largest``."""
        self._make = make
        self._most = most
        self._most_bytes = most_bytes
        self._largest = largest
        self._made: OrderedDict[bytes, Made] = OrderedDict()
        """The one that was used last at the end."""
        self._bytes = 0

    def of(self, source: bytes) -> Made:
        """What is made of these bytes. Raises what making it raises."""
        if source in self._made:
            self._made.move_to_end(source)
            return self._made[source]
        made = self._make(source)
        if len(source) <= self._largest:
            self._made[source] = made
            self._bytes += len(source)
            while len(self._made) > self._most or self._bytes > self._most_bytes:
                dropped, _ = self._made.popitem(last=False)
                self._bytes -= len(dropped)
        return made
