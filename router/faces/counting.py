"""``POST /v1/messages/count_tokens``: how many tokens a Messages request is, by the provider's own count."""

from typing import Final

import msgspec

from providers.dialects.anthropic_messages.grammar import PATH
from providers.spec.errors import UnsupportedError
from providers.wire.json import dumps, loads_object
from router.asgi import HttpCall
from router.asked import Asked
from router.pipeline import Pipeline
from router.plan import Plan
from router.said import headers_of_said, said_of

_SUFFIX: Final = "/count_tokens"
"""https://docs.anthropic.com/en/api/messages-count-tokens"""


async def answer_count(call: HttpCall, pipeline: Pipeline, asked: Asked) -> None:
    """Relay the count of the first candidate. Raises RouterError and CallerGoneError.

    What is counted is what would be sent, through the code of the live call: names, ids and state as this provider gets
    them. Nobody stands in for a provider here: another one counts otherwise.
    """
    record = call.record
    record.model, record.stream = asked.request.model, False
    with call.while_there():
        plan, raw = await pipeline.ask(asked, _counting)
    record.provider, record.said = plan.target.provider, said_of(plan, ())
    await call.answer(raw, headers=headers_of_said(record.said))


def _counting(asked: Asked, plan: Plan) -> Plan:
    """The plan of the count in place of the answer's.

    Of the body only what the caller wrote: the count takes neither a limit nor anything else that is added for an
    answer. Raises UnsupportedError where the provider has no such count.
    """
    prepared, call = plan.prepared, plan.row.call
    written = loads_object(prepared.body)
    body = {name: value for name, value in written.items() if name in asked.body}
    plan.report.forget_places(written.keys() - body.keys())
    if plan.target.dialect == asked.dialect and call is not None and call.count_path is not None:
        # The model, which stands in the address of an answer, is in the body of a count; the version is in both.
        version = {name: written[name] for name in call.moved_headers.values() if name in written}
        body = {"model": plan.target.model, **body, **version}
        url = plan.row.base_url.rstrip("/") + call.count_path
    elif plan.target.dialect == asked.dialect and prepared.url.endswith(PATH):
        url = prepared.url + _SUFFIX
    else:
        raise UnsupportedError(
            f"provider {plan.target.provider} does not count tokens: only those that speak {asked.dialect} can",
            path="model",
        )
    counting = msgspec.structs.replace(prepared, url=url, body=dumps(body))
    return msgspec.structs.replace(plan, prepared=counting)
