"""One provider's quirks as data, and the target a request is encoded for."""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Literal

import msgspec

from providers.spec.parts import Origin, State


class Profile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one provider wants spelled differently from its dialect's standard. Defaults are the dialect's own.

    Each field that departs from the default in the shipped data names its source there.
    """

    name: str = "default"
    tool_call_id: str = r"[\x21-\x7e]{1,}"
    """Regular expression a call id must match in full; others are rewritten injectively."""
    tool_call_id_length: int = 64
    """How long a rewritten id may be; a pattern that wants one exact length says so with it."""
    tool_name: str = r"[a-zA-Z0-9_-]{1,64}"
    """Regular expression a tool name must match in full."""
    carriers: tuple[str, ...] | None = None
    """Reasoning fields of an assistant message that this host takes back (``reasoning_content``, ``reasoning``,
    ``reasoning_details``, ``extra_content``, …). ``None``: unknown host, what the caller wrote is passed on.
    """
    reasoning_field: str | None = None
    """The field in which reasoning text of another dialect's making is written; ``None``: it is left out."""
    reasoning_required: bool = False
    """With tools, every assistant turn that called must carry ``reasoning_field``; an empty one is accepted."""
    user_after_tool: bool = True
    """A user's message may follow a result; else the assistant has to speak between them."""
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] | None = None
    """The one name the host has for the limit; ``None``: as the caller wrote it, else ``max_tokens``."""
    takes_any: bool = True
    """The host takes ``any`` for a forced call, as Mistral spells it, where the caller wrote it so."""
    allowed_tools: bool = False
    """The host has ``allowed_tools`` as a choice; elsewhere the other tools are left out."""
    custom_tools: bool = False
    """The host has free-text tools."""
    responses: bool = False
    """The host has OpenAI's Responses beside chat, at the same address."""
    responses_models: str | None = None
    """Regular expression of models whose chat completions refuse tools together with reasoning."""
    media_urls: bool = True
    """Media may be named by their URL; else only their data is taken."""
    absent_tools: str | None = None
    """Regular expression of the types of tools that are the dialect's own and that this host does not have."""
    absent_fields: tuple[str, ...] = ()
    """Members of the dialect's own that this host refuses: paths such as ``contents[].parts[].partMetadata``."""
    result_media: bool | None = None
    """Whether tool results may hold pictures; ``None``: not known, they stay where the caller put them."""
    clean: bool = False
    """What the host answers is by the dialect's book, so that its bytes may be relayed as they are."""
    legacy_functions: bool = False
    """The host still has ``functions`` and ``function_call`` of the time before tools; others whose ``carriers`` are
    known get today's words."""
    mixed_tools_models: str | None = None
    """Regular expression of models that take functions beside tools that the provider runs only where
    ``toolConfig.includeServerSideToolInvocations`` is on (Gemini)."""
    cache_marks: bool = False
    """The host takes ``cache_control`` where chat callers write it; others whose ``carriers`` are known refuse it."""
    state_error: str | None = None
    """Regular expression of the message with which the provider refuses opaque state that it was sent."""
    stream_usage: bool = True
    """The host has ``stream_options.include_usage`` and it has to be asked for."""
    tool_stream_field: Literal["tool_stream"] | None = None
    """A switch without which the host does not stream calls piece by piece."""
    input_includes_cache: bool = False
    """The input tokens that the host reports hold the cached ones already, though its dialect's do not (Moonshot's
    front for Anthropic's dialect: https://github.com/maximhq/bifrost/issues/5510)."""
    default_max_tokens: int | None = None
    """Sent where the dialect requires a limit and the caller gave none."""
    adaptive_thinking_models: str | None = None
    """Regular expression of models that take adaptive thinking with an effort instead of a budget."""
    no_prefill_models: str | None = None
    """Regular expression of models that refuse a conversation whose last turn is the assistant's (Anthropic)."""
    signature_models: str | None = None
    """Regular expression of models that refuse a call of the current turn without its signature."""
    media_result_models: str | None = None
    """Regular expression of models that take media inside a tool result (Gemini's ``functionResponse.parts``)."""
    thinking_level_models: str | None = None
    """Regular expression of models that take a thinking level where older ones take a budget (Gemini)."""
    always_thinking_models: str | None = None
    """Regular expression of models that cannot be told not to think, nor to think at the lowest level (Gemini)."""
    unsealed_models: str | None = r"^(gpt-3\.5|gpt-4|chatgpt-4)"
    """Regular expression of models that refuse to be asked for sealed reasoning (OpenAI Responses: "Encrypted content
    is not supported with this model")."""
    fixed_sampling_models: str | None = r"^(o[1-9]|gpt-5|codex-)"
    """Regular expression of models that refuse another temperature or top_p than 1 unless their effort is ``none``
    (OpenAI: "'temperature' is not supported with this model"), or that refuse any value of temperature, top_p and top_k
    (Anthropic: "`temperature` is deprecated for this model")."""
    forced_choice_with_thinking: Literal["refuse", "send"] = "send"
    """``refuse``: the provider answers 400 when a call is forced while manual thinking is on, or does not think."""
    forced_choice_models: str | None = None
    """Regular expression of the models this is true of, where it is not true of all."""
    thinking_switch: bool = False
    """The host is told not to think by ``thinking: {type: disabled}`` and not by an effort (chat)."""
    thinking_models: str | None = None
    """Regular expression of models that think unless they are told not to."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Where a request goes: which row, which model, under which credential."""

    provider: str
    model: str
    dialect: str
    scope: str = ""
    profile: Profile = Profile()

    @property
    def origin(self) -> Origin:
        """The stamp for state that this target issues."""
        return Origin(dialect=self.dialect, provider=self.provider, model=self.model, scope=self.scope)

    def is_one_of(self, models: str | None) -> bool:
        """Whether its model is one of those that a regular expression of the profile stands for."""
        return models is not None and _searcher(models)(self.model) is not None

    def accepts(self, state: State) -> bool:
        """Whether opaque state may go back here.

        Stamped state only to the row, model and credential that issued it; unstamped state (a client spoke this
        dialect itself) to any row of its own dialect.
        """
        origin = state.origin
        if origin.dialect != self.dialect:
            return False
        if not origin.stamped:
            return True
        return (origin.provider, origin.model, origin.scope) == (self.provider, self.model, self.scope)


@lru_cache(maxsize=256)
def _searcher(pattern: str) -> Callable[[str], object]:
    return re.compile(pattern).search
