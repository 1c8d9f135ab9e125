"""What hosts of the OpenAI chat dialect do differently, as data."""

from __future__ import annotations

from dataclasses import dataclass

_STANDARD_PARTS = frozenset({"text", "image_url", "input_audio", "file"})


@dataclass(frozen=True, slots=True)
class Profile:
    """One host's rules where they differ from OpenAI's."""

    name: str
    models: tuple[str, ...] = ()
    """Prefixes of the models it has; empty for any."""
    key_refused: int = 401
    """Status for a wrong key."""
    top_level: frozenset[str] = frozenset()
    """Request fields beyond OpenAI's."""
    message: frozenset[str] = frozenset()
    """Fields of assistant messages beyond OpenAI's."""
    call: frozenset[str] = frozenset()
    """Fields of tool calls beyond OpenAI's."""
    user_parts: frozenset[str] = _STANDARD_PARTS
    """Types of content parts that user messages may have."""
    assistant_parts: frozenset[str] = frozenset()
    """Types of content parts of assistant messages beyond OpenAI's."""
    part: frozenset[str] = frozenset()
    """Fields of content parts beyond OpenAI's."""
    tool_parts: frozenset[str] = frozenset({"text"})
    """Types of content parts that tool results may have."""
    call_id: str = r"[\s\S]{1,40}"
    """Pattern a call id must match as a whole; OpenAI allows 40 characters."""
    any_choice: bool = False
    """Takes ``any`` besides ``required``."""
    type_optional: bool = False
    """Takes tools and tool choices that do not say ``type: function``."""
    reasoning_models: tuple[str, ...] = ()
    """Prefixes of models that refuse ``max_tokens`` and sampling parameters."""
    no_effort_models: bool = False
    """Refuses ``reasoning_effort`` on models that do not reason."""
    strict_schemas: bool = False
    """Checks schemas that ask for strict mode."""
    model_in_path: bool = False
    """The deployment in the path names the model."""
    empty_content: bool = False
    """Takes an empty list as the content of an assistant message."""
    thinking: bool = False
    """Thinks unless told not to, and wants its ``reasoning_content`` back beside tool calls (DeepSeek)."""
    shows_reasoning: bool = False
    """Puts ``reasoning_content`` into answers."""


_OPENAI_MODELS = ("gpt-", "o1", "o3", "o4", "chatgpt-", "codex-")
_REASONING_MODELS = ("o1", "o3", "o4", "gpt-5")
_SAMPLERS = frozenset({"top_k", "min_p", "repetition_penalty"})
_ROUTED = _SAMPLERS | {
    "reasoning",
    "include_reasoning",
    "provider",
    "usage",
    "models",
    "route",
    "transforms",
    "plugins",
}
_ROUTED_MESSAGE = frozenset({"reasoning", "reasoning_details"})
_ECHOED = frozenset({"reasoning_content"})
_INDEX = frozenset({"index"})

OPENAI = Profile(
    "openai",
    models=_OPENAI_MODELS,
    reasoning_models=_REASONING_MODELS,
    no_effort_models=True,
    strict_schemas=True,
)
"""OpenAI itself."""

_COMPATIBLE = (
    OPENAI,
    Profile(
        "azure",
        model_in_path=True,
        strict_schemas=True,
        reasoning_models=_REASONING_MODELS,
        top_level=frozenset({"data_sources"}),
    ),
    Profile(
        "mistral",
        models=("mistral-", "ministral-", "magistral-", "codestral-", "devstral-", "pixtral-", "open-mistral-"),
        top_level=frozenset({"safe_prompt", "random_seed", "prompt_mode"}),
        message=frozenset({"prefix"}),
        call=_INDEX,
        user_parts=_STANDARD_PARTS | {"document_url"},
        assistant_parts=frozenset({"thinking", "reference"}),
        call_id=r"[a-zA-Z0-9]{9}",
        any_choice=True,
        type_optional=True,
        empty_content=True,
    ),
    Profile(
        "groq",
        models=(
            "llama-3.1-8b-instant",
            "llama-3.3-70b-versatile",
            "meta-llama/",
            "openai/gpt-oss-",
            "moonshotai/",
            "qwen/",
        ),
        top_level=frozenset({"reasoning_format", "include_reasoning", "disable_tool_validation"}),
        message=frozenset({"reasoning"}),
    ),
    Profile(
        "cerebras",
        top_level=frozenset({"clear_thinking", "disable_reasoning", "reasoning_format"}),
        message=frozenset({"reasoning"}),
    ),
    Profile(
        "deepseek",
        models=("deepseek-",),
        top_level=frozenset({"thinking"}),
        message=frozenset({"reasoning_content", "prefix"}),
        call=_INDEX,
        user_parts=frozenset({"text"}),
        thinking=True,
        shows_reasoning=True,
    ),
    Profile("openrouter", top_level=_ROUTED, message=_ROUTED_MESSAGE, part=frozenset({"cache_control"})),
    Profile("vercel-gateway", top_level=_ROUTED | {"providerOptions"}, message=_ROUTED_MESSAGE),
    Profile("snowflake", top_level=frozenset({"reasoning"}), message=_ROUTED_MESSAGE),
    Profile(
        "ollama",
        message=frozenset({"reasoning", "reasoning_content"}),
        tool_parts=frozenset({"text", "image_url"}),
        shows_reasoning=True,
    ),
    Profile(
        "xai",
        models=("grok-",),
        top_level=frozenset({"search_parameters", "deferred"}),
        message=_ECHOED,
        call=_INDEX,
        shows_reasoning=True,
    ),
    Profile(
        "zai", top_level=frozenset({"thinking", "tool_stream"}), message=_ECHOED, call=_INDEX, shows_reasoning=True
    ),
    Profile("moonshotai", top_level=frozenset({"thinking"}), message=_ECHOED | {"partial"}, call=_INDEX),
    Profile("alibaba", top_level=_SAMPLERS | {"enable_thinking", "thinking_budget"}, message=_ECHOED, call=_INDEX),
    Profile("google-openai-compat", top_level=frozenset({"extra_body"}), call=frozenset({"extra_content"})),
    Profile("together", top_level=_SAMPLERS | {"reasoning", "chat_template_kwargs"}, message=frozenset({"reasoning"})),
    Profile("heroku", top_level=frozenset({"extended_thinking"})),
    Profile("llamacpp", top_level=_SAMPLERS | {"chat_template_kwargs", "cache_prompt"}, message=_ECHOED),
    Profile("huggingface", type_optional=True),
    Profile("doubleword", key_refused=403),
)

PROFILES = {profile.name: profile for profile in _COMPATIBLE}
"""Hosts with rules of their own, by name."""


def profile_of(host: str) -> Profile:
    """A host's profile; hosts without rules of their own take OpenAI's request fields and any model."""
    return PROFILES.get(host, Profile(host))
