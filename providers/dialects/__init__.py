"""The registry of dialects: the one place that knows them all."""

from collections.abc import Mapping
from types import MappingProxyType

from providers.dialects.anthropic_messages import DIALECT as anthropic_messages
from providers.dialects.gemini import DIALECT as gemini
from providers.dialects.openai_chat import DIALECT as openai_chat
from providers.dialects.openai_responses import DIALECT as openai_responses
from providers.spec.dialect import Dialect

DIALECTS: Mapping[str, Dialect] = MappingProxyType(
    {dialect.name: dialect for dialect in (openai_chat, openai_responses, anthropic_messages, gemini)}
)
"""Every dialect by its name."""
