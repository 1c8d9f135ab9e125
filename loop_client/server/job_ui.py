"""A job as one assistant message of a chat front end, from its beginning or from where somebody answered."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Collection
from typing import Final

from loop_client.jobs import Job, JobEvent
from loop_client.jobs.fold import JobFold
from loop_client.jsontext import JsonObject, dumps
from loop_client.ui import Chunk, StreamOptions, UIMessageStream

_log: Final = logging.getLogger("loop_client.server")
_CHAT: Final = "chat"
"""Member of a job's metadata that is ours."""


def chat_metadata(message_id: str | None) -> JsonObject:
    """What a job of a chat remembers of it."""
    return {_CHAT: {"message_id": message_id}}


def message_id_of(job: Job) -> str:
    """The id of the job's message, the same for everybody who looks."""
    kept = job.metadata.get(_CHAT)
    given = kept.get("message_id") if isinstance(kept, dict) else None
    return given if isinstance(given, str) and given else f"msg_{job.id}"


async def ui_chunks(
    job: Job, events: AsyncGenerator[JobEvent, None], options: StreamOptions, answered: Collection[str] = ()
) -> AsyncGenerator[Chunk, None]:
    """The chunks of the job's message. They end with the job, or where it waits for an answer that nobody has given:
    the front end asks for it then, and is given the rest when it brings it.

    A call that is over when the viewer comes is told without ``tool-input-available``, on which a front end would run
    the browser's own tools once more.

    Args:
        job: As it was when the viewer came, before its answers were taken.
        events: From the first.
        answered: Tokens of the calls that the viewer has answered: the message goes on behind the wait for them.
            Without any, it is told from its beginning.
    """
    stream, fold = UIMessageStream(options), JobFold()
    over = {call.call_id for item in job.rounds for call in item.calls if not call.is_active}
    tokens, known = frozenset(answered), -1 if job.last_event is None else job.last_event
    is_shown = not tokens
    async for event in events:
        fold.feed(event)
        chunks = _chunks(stream, event, job)
        if not is_shown and stream.ended:
            is_shown = True
            yield _start(options)
        for chunk in chunks if is_shown else ():
            for told in _quiet(chunk) if not tokens and chunk.get("toolCallId") in over else (chunk,):
                yield told
        if stream.ended:
            return
        if not fold.is_waiting():
            continue
        mine = tokens & {call.token for call in fold.calls.values() if call.token is not None}
        if mine and not is_shown:
            is_shown = True
            yield _start(options)
        if is_shown and not mine and event.id >= known:
            for chunk in stream.pause():
                yield chunk
            return


def _chunks(stream: UIMessageStream, event: JobEvent, job: Job) -> list[Chunk]:
    run_event = event.run_event()
    if run_event is not None:
        return stream.feed(run_event)
    if event.type != "job-end":
        return []
    if event.data["status"] == "cancelled":
        return stream.abort("cancelled")
    _log.warning("job %s ended without a word: %s", job.id, event.data["status"])
    return stream.fail("The answer could not be completed.")


def _start(options: StreamOptions) -> Chunk:
    chunk: Chunk = {"type": "start"}
    return chunk if options.message_id is None else chunk | {"messageId": options.message_id}


def _quiet(chunk: Chunk) -> tuple[Chunk, ...]:
    """The arguments of a call as if they were still being written."""
    if chunk["type"] != "tool-input-available" or chunk.get("providerExecuted"):
        return (chunk,)
    call_id = chunk["toolCallId"]
    begun = {name: value for name, value in chunk.items() if name != "input"} | {"type": "tool-input-start"}
    text = dumps(chunk["input"])
    return begun, {"type": "tool-input-delta", "toolCallId": call_id, "inputTextDelta": text}
