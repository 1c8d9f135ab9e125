"""What a job is about, as its owner asks for it: plain JSON, without keys."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final, Self

from loop_client.event_base import json_fields
from loop_client.jobs.errors import InvalidJob
from loop_client.jsontext import JsonObject, dumps
from loop_client.run_events import Message

_REFERENCE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_+.-]*:[^\s]+")
_LISTS: Final = ("messages", "outside_tools")


@dataclass(frozen=True, slots=True)
class JobSpec:
    """A job that is asked for. What is None is as the profile has it.

    Raises:
        InvalidJob: something has no JSON form, there is no message, or a credential is not a reference.
    """

    messages: tuple[Message, ...]
    """The history to go on from."""
    profile: str = "default"
    """Which of the service's clients runs it: its tools, model, limits and rules."""
    model: str | None = None
    system: str | None = None
    """Put before the history, unless that has a system message."""
    tools: tuple[str, ...] | None = None
    """Names of the profile's fixed tools that are offered; None for all of them."""
    outside_tools: tuple[JsonObject, ...] = ()
    """Tools of this job alone, answered from outside: ``{"name", "description", "parameters", "answer_schema"?}``."""
    tool_choice: Any = None
    limits: JsonObject | None = None
    """Members of ``Limits``, over those of the profile."""
    options: JsonObject = field(default_factory=dict)
    """Further members of every model request."""
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    """References by name, such as ``vault:github/ada``, for the service to look up when the job runs; never keys."""
    metadata: JsonObject = field(default_factory=dict)
    """The owner's own, given back with the job."""

    def __post_init__(self) -> None:
        """Refuse what could not be stored, or must not be."""
        for name, reference in self.credentials.items():
            if _REFERENCE.fullmatch(reference) is None:
                # The text is not repeated: it may be a key.
                raise InvalidJob(
                    f"credentials.{name}: a reference such as vault:name is expected, never the key itself"
                )
        if not self.messages:
            raise InvalidJob("messages: at least one is expected")
        try:
            dumps(self.to_json())
        except (TypeError, ValueError) as error:
            raise InvalidJob(f"the job has no JSON form: {error}") from None

    @classmethod
    def of(cls, question: str, **settings: Any) -> Self:
        """A job that begins with a user's words."""
        return cls(({"role": "user", "content": question},), **settings)

    def to_json(self) -> JsonObject:
        """As ``from_json`` reads it."""
        return json_fields(self)

    @classmethod
    def from_json(cls, body: JsonObject) -> Self:
        """The job that a JSON object asks for.

        Raises:
            InvalidJob: a member is unknown or not what it should be.
        """
        known = {item.name for item in fields(cls)}
        if unknown := sorted(body.keys() - known):
            raise InvalidJob(f"{unknown[0]}: there is no such member of a job")
        for name in ("options", "credentials", "metadata", "limits"):
            if name in body and not isinstance(body[name], dict):
                raise InvalidJob(f"{name}: an object is expected")
        for name in ("profile", "model", "system"):
            if name in body and not isinstance(body[name], str):
                raise InvalidJob(f"{name}: a string is expected")
        given = dict(body)
        for name, kind in (("messages", dict), ("outside_tools", dict), ("tools", str)):
            if name in body:
                if not isinstance(body[name], list) or not all(isinstance(item, kind) for item in body[name]):
                    raise InvalidJob(f"{name}: a list of {'objects' if kind is dict else 'strings'} is expected")
                given[name] = tuple(body[name])
        if not all(isinstance(value, str) for value in body.get("credentials", {}).values()):
            raise InvalidJob("credentials: references are strings")
        if "messages" not in given:
            raise InvalidJob("messages: at least one is expected")
        return cls(**given)
