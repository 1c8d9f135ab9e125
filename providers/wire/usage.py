"""Usage of hosts that count differently than the dialect they speak."""

import msgspec

from providers.spec.events import StreamEvent, UsageUpdate
from providers.spec.profile import Profile
from providers.spec.response import Response, Usage


def counted(usage: Usage | None, profile: Profile) -> Usage | None:
    """The usage with cached tokens in the input once (USAGE-03): dialects add them to what is said beside them."""
    if usage is None or usage.input_tokens is None or not profile.input_includes_cache:
        return usage
    twice = (usage.cached_tokens or 0) + (usage.cache_write_tokens or 0)
    total = None if usage.total_tokens is None else usage.total_tokens - twice
    return msgspec.structs.replace(usage, input_tokens=usage.input_tokens - twice, total_tokens=total)


def counted_answer(response: Response, profile: Profile) -> Response:
    """A whole answer with its usage counted once."""
    if not profile.input_includes_cache:
        return response
    usage = counted(response.usage, profile)
    return response if usage is response.usage else msgspec.structs.replace(response, usage=usage)


def counted_event(event: StreamEvent, profile: Profile) -> StreamEvent:
    """An event of a stream with its usage counted once."""
    if not isinstance(event, UsageUpdate):
        return event
    usage = counted(event.usage, profile)
    return event if usage is None or usage is event.usage else msgspec.structs.replace(event, usage=usage)
