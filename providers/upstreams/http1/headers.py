"""The headers of an answer, decoded when they are looked at."""

from collections.abc import Iterator, Mapping, Sequence


class Headers(Mapping[str, str]):
    """Matched without regard to case; a header that came twice is joined with a comma.

    Bytes that are no UTF-8 become surrogate escapes.
    """

    __slots__ = ("_values",)

    def __init__(self, pairs: Sequence[tuple[bytes, bytes]]) -> None:
        self._values = {name.lower(): value for name, value in pairs}
        if len(self._values) < len(pairs):
            together: dict[bytes, list[bytes]] = {}
            for name, value in pairs:
                together.setdefault(name.lower(), []).append(value.strip(b" \t"))
            self._values = {name: b", ".join(values) for name, values in together.items()}

    def __getitem__(self, name: str) -> str:
        return self._values[_key(name)].decode("utf-8", "surrogateescape").strip(" \t")

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and _key(name) in self._values

    def __iter__(self) -> Iterator[str]:
        return (name.decode("ascii") for name in self._values)

    def __len__(self) -> int:
        return len(self._values)


def _key(name: str) -> bytes:
    return name.lower().encode("utf-8", "surrogateescape")
