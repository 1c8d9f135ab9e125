"""Which of a provider's dialects a request goes out in, where it has more than one."""

import re

from providers.spec.errors import InvalidRequestError
from providers.spec.request import ProviderTool
from providers.upstreams.base import ProviderRow
from router.asked import Asked

CHAT = "openai-chat"
RESPONSES = "openai-responses"


def wire_of(row: ProviderRow, model: str, asked: Asked) -> str:
    """The dialect to speak.

    OpenAI has chat completions and Responses: a caller of Responses gets Responses, and so does a request that chat
    cannot serve on this model (PARAM-01: reasoning effort with tools); ``router.wire`` decides otherwise. Raises
    InvalidRequestError for a wire that the provider has not.
    """
    wanted = asked.options.wire
    if row.dialect != CHAT or not row.profile.responses:
        if wanted != "auto" and row.dialect != (CHAT if wanted == "chat" else RESPONSES):
            raise InvalidRequestError(f"router.wire: provider {row.name} has no {wanted}", path="router.wire")
        return row.dialect
    if wanted != "auto":
        return CHAT if wanted == "chat" else RESPONSES
    return RESPONSES if asked.dialect == RESPONSES or _needs_responses(row, model, asked) else CHAT


def _needs_responses(row: ProviderRow, model: str, asked: Asked) -> bool:
    if asked.plain is not None and not asked.plain.thinks:
        return False
    request = asked.request
    if any(isinstance(tool, ProviderTool) and tool.dialect == RESPONSES for tool in request.tools or ()):
        return True
    pattern = row.profile.responses_models
    reasoning = request.reasoning
    thinks = reasoning is not None and reasoning.enabled is not False and reasoning.effort != "none"
    return bool(request.tools) and thinks and pattern is not None and re.search(pattern, model) is not None
