"""Texts of calls and results as values that a front end can show."""

from __future__ import annotations

from typing import Any

from loop_client.jsontext import JsonObject, loads
from loop_client.ui.exact import NAMESPACE, carried


def input_value(arguments_text: str) -> tuple[Any, JsonObject]:
    """Arguments as a value, and the ``loopClient`` members that bring their text back. What is not JSON stays text."""
    if not arguments_text.strip():
        return {}, {}
    try:
        value = loads(arguments_text)
    except ValueError:
        return arguments_text, {}
    return value, carried(arguments_text, value)


def output_value(output: str) -> tuple[Any, JsonObject]:
    """A tool's output as a value where it is JSON, else as the text it is; members as for ``input_value``."""
    try:
        value = loads(output)
    except ValueError:
        return output, {}
    # A string in quotes is what a tool returned as text: it is shown, and goes back, as it is.
    return (output, {}) if isinstance(value, str) else (value, carried(output, value))


def provider_metadata(members: JsonObject) -> JsonObject:
    """The chunk member that carries ours; nothing where there is nothing to carry."""
    return {"providerMetadata": {NAMESPACE: members}} if members else {}
