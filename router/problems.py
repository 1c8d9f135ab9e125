"""What is wrong with a configuration: every problem at once, each with its file, its key and the reason."""

from collections.abc import Sequence

import msgspec

ENVIRONMENT = "environment"
"""Stands where the file would, for what was wrong in an environment variable."""


class Problem(msgspec.Struct, frozen=True):
    """One thing that is wrong. Its text is public: it never holds the value that was found, which may be a secret."""

    file: str
    """The file's path as it was given, or ``environment``."""
    key: str
    """Dotted, such as ``providers.foo.api_key``; empty where the whole file is meant."""
    reason: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.file, self.key, self.reason) if part)


class ConfigError(Exception):
    """The configuration cannot be used. ``str()`` gives one line for each problem."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


class Problems:
    """Collects what is wrong while a configuration is read."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._found: list[Problem] = []
        self._keys: set[str] = set()

    def add(self, key: str, reason: str, *, file: str | None = None) -> None:
        """Note a problem. Of several under one key, or below it, only the first is kept: the rest follow from it."""
        if any(key == known or key.startswith((f"{known}.", f"{known}[")) for known in self._keys):
            return
        self._keys.add(key)
        self._found.append(Problem(file or self._file, key, reason))

    def __len__(self) -> int:
        """How many were found so far."""
        return len(self._found)

    def below(self, key: str) -> bool:
        """Whether something was wrong at this key or below it."""
        return any(known == key or known.startswith((f"{key}.", f"{key}[")) for known in self._keys)

    def check(self) -> None:
        """Raise ConfigError where anything was wrong."""
        if self._found:
            raise ConfigError(self._found)
