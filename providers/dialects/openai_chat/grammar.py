"""The words of OpenAI chat completions, and what every module of this codec asks about spelling."""

from functools import partial
from typing import Final, TypeGuard

import msgspec

from providers.spec.adjustments import Report
from providers.spec.profile import Profile
from providers.spec.values import Ext, Form, Json, JsonObject
from providers.wire import state
from providers.wire.foreign import report_foreign_fields

NAME: Final = "openai-chat"

GOOGLE: Final = "google-generate-content"
"""The dialect whose signatures travel under Google's own convention here."""

ANTHROPIC: Final = "anthropic-messages"
"""The dialect whose thinking LiteLLM writes as ``thinking_blocks`` here."""

PATH: Final = "/chat/completions"

CARRIERS: Final = frozenset(
    {
        "extra_content",
        "provider_specific_fields",
        "reasoning",
        "reasoning_content",
        "reasoning_details",
        "thinking_blocks",
        "thought_signature",
    }
)
"""Fields in which hosts and gateways put reasoning, of messages and of calls (REASON-19)."""

THOUGHT_SIGNATURE: Final = state.THOUGHT_SIGNATURE
"""The kind of state that travels as ``extra_content.google.thought_signature``."""

REASONING_DETAILS: Final = "reasoning_details"
"""The field, and the kind of state, in which OpenRouter and others give reasoning that has to come back unchanged."""

THINKING_BLOCKS: Final = "thinking_blocks"
"""The field of a message in which LiteLLM gives Anthropic's thinking."""

SPECIFIC_FIELDS: Final = "provider_specific_fields"
"""The field of messages and calls in which LiteLLM gives Gemini's signatures."""

ERROR_PREFIX: Final = "Error: "
"""How a failed tool result is told apart where the dialect has no flag for it (HIST-22)."""

NOT_KNOWN: Final = f"not known to {NAME}"

NOT_STRICT: Final = "strict wants closed objects with every property required here"

FOREIGN_STATE: Final = "issued by another provider"


def carried(form: Form | None) -> TypeGuard[Form]:
    """Whether the value came in this dialect, so that its spelling is remembered."""
    return form is not None and form.dialect == NAME


def variant_of(form: Form | None, field: str) -> str | None:
    """Which of several shapes a field had, where the value came in this dialect."""
    return form.variants.get(field) if carried(form) else None


def takes_back(profile: Profile, field: str) -> bool:
    """Whether the host takes this reasoning field in a history (REASON-21)."""
    return profile.carriers is None or field in profile.carriers


def is_known(profile: Profile) -> bool:
    """Whether it is known what the host takes. What only looks empty is left out there: some refuse unknown fields
    even where they are ``null``. An unknown host gets what the caller wrote.
    """
    return profile.carriers is not None


def form_for(profile: Profile, form: Form | None) -> Form | None:
    """The spelling of a message or a call as this host takes it."""
    if form is None or not form.nulls or not is_known(profile):
        return form
    return msgspec.structs.replace(form, nulls=tuple(key for key in form.nulls if key == "content"))


def without_refused_carriers(fields: Ext, profile: Profile, path: str, report: Report) -> Ext:
    """Carried fields of a message or call, without the reasoning fields that the host does not list."""
    own = fields.get(NAME)
    if not own or profile.carriers is None:
        return fields
    refused = [field for field in own if field in CARRIERS and field not in profile.carriers]
    for field in refused:
        report.add(f"{path}.{field}", "dropped", "this host does not take the field back")
    return {NAME: {field: value for field, value in own.items() if field not in refused}}


report_foreign: Final = partial(report_foreign_fields, NAME, with_value=False)
"""Reports every field that another dialect carries and this one cannot say: of a node's ``ext``, under its path."""


# ---- objects inside objects: the form of a value remembers their keys as a variant

_JOINT: Final = "\n"


def note_inner(variants: dict[str, str], field: str, value: JsonObject, nulls: tuple[str, ...] = ()) -> None:
    """Remember the keys of the object under ``field``, and which of them were ``null``."""
    variants[field] = _JOINT.join(value)
    if nulls:
        variants[f"{field}.null"] = _JOINT.join(nulls)


def inner_keys(form: Form | None, field: str) -> tuple[str, ...] | None:
    """The keys of the object that was under ``field``; ``None`` where there was none."""
    noted = form.variants.get(field) if carried(form) else None
    return None if noted is None else tuple(noted.split(_JOINT)) if noted else ()


def inner_form(form: Form | None, field: str) -> Form | None:
    """The form of the object under ``field``, for ``arranged``."""
    keys = inner_keys(form, field)
    if keys is None or form is None:
        return None
    nulls = form.variants.get(f"{field}.null")
    return Form(dialect=NAME, keys=keys, nulls=tuple(nulls.split(_JOINT)) if nulls else ())


class Fields:
    """A JSON object of a provider being read leniently: what has not the type it should have is carried as it is.

    ``nulls`` are the keys spelled ``null`` among those asked for; ``rest`` is what nobody took.
    """

    def __init__(self, value: JsonObject) -> None:
        self.keys = tuple(value)
        self.rest = dict(value)
        self.nulls: list[str] = []

    def text(self, key: str) -> str | None:
        """A string, or ``None``."""
        value = self.rest.get(key)
        if isinstance(value, str):
            del self.rest[key]
            return value
        self._null(key)
        return None

    def integer(self, key: str) -> int | None:
        """An integer, or ``None``."""
        value = self.rest.get(key)
        if isinstance(value, int) and not isinstance(value, bool):
            del self.rest[key]
            return value
        self._null(key)
        return None

    def array(self, key: str) -> list[Json] | None:
        """An array, or ``None``."""
        value = self.rest.get(key)
        if isinstance(value, list):
            del self.rest[key]
            return value
        self._null(key)
        return None

    def object(self, key: str) -> JsonObject | None:
        """An object, or ``None``."""
        value = self.rest.get(key)
        if isinstance(value, dict):
            del self.rest[key]
            return value
        self._null(key)
        return None

    def _null(self, key: str) -> None:
        if key in self.rest and self.rest[key] is None:
            del self.rest[key]
            self.nulls.append(key)

    def left(self) -> JsonObject:
        """What nobody took, without the keys that were ``null``: those are spelling."""
        for key in [key for key, value in self.rest.items() if value is None]:
            self._null(key)
        return self.rest

    def ext(self) -> Ext:
        """What nobody took, under this dialect's name."""
        return {NAME: self.rest} if self.left() else {}

    def form(self, variants: dict[str, str] | None = None) -> Form:
        """How the object was spelled."""
        return Form(dialect=NAME, keys=self.keys, nulls=tuple(self.nulls), variants=variants or {})
