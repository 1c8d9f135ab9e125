"""What is said where a part of the package is used whose dependencies are an extra that is not installed."""

from __future__ import annotations

from typing import Literal

from loop_client.errors import ConfigurationError


def missing_extra(extra: Literal["server", "jobs", "mcp"], error: ModuleNotFoundError) -> ConfigurationError:
    """The error for a module that an extra brings, with the command that brings it."""
    command = f'in a clone of the repository, pip install "./loop_client[{extra}]"'
    return ConfigurationError(f"the module {error.name} is missing: it comes with the extra '{extra}'; {command}")
