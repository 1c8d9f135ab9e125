"""What hosts of the OpenAI Responses dialect do differently, as data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Host:
    """One host's rules where they differ from OpenAI's."""

    name: str
    models: tuple[str, ...] = ()
    """Prefixes of the models it has; empty for any."""
    reasoning_models: tuple[str, ...] = ()
    """Prefixes of models that reason; on a host that has any, the others refuse to be asked for reasoning."""
    top_level: frozenset[str] = frozenset()
    """Request fields beyond OpenAI's."""
    strict_schemas: bool = False
    """Checks schemas that ask for strict mode."""
    bound_reasoning: bool = False
    """Refuses reasoning without the item that followed it, and what it knows by id without its reasoning."""
    answers_at_once: bool = False
    """Wants the results of calls before the model says more (DeepSeek)."""


OPENAI = Host(
    "openai",
    models=("gpt-", "o1", "o3", "o4", "chatgpt-", "codex-", "computer-use-"),
    reasoning_models=("o1", "o3", "o4", "gpt-5", "codex-", "computer-use-"),
    strict_schemas=True,
    bound_reasoning=True,
)
"""OpenAI itself."""

HOSTS = {
    host.name: host
    for host in (
        OPENAI,
        Host("azure", strict_schemas=True, bound_reasoning=True),
        Host("chatgpt-codex", bound_reasoning=True),
        Host("deepseek", models=("deepseek-",), answers_at_once=True),
        Host("xai", models=("grok-",), top_level=frozenset({"search_parameters"})),
        Host("openrouter", top_level=frozenset({"provider", "models", "plugins"})),
    )
}
"""Hosts with rules of their own, by name."""


def host_of(name: str) -> Host:
    """A host's rules; one without rules of its own takes OpenAI's request fields and any model."""
    return HOSTS.get(name, Host(name))
