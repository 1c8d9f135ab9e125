"""``POST /v1/responses``: the OpenAI Responses face, stateless."""

import re

from providers.dialects import DIALECTS
from providers.dialects.openai_responses import check_stateless
from providers.spec.values import JsonObject
from router.faces.relay import Relay
from router.faces.serving import Face


def _check_stateless(body: JsonObject) -> None:
    check_stateless(body)


class ResponsesRelay(Relay):
    """Ends with the event that has the whole answer."""

    ends = re.compile(rb'"type"\s*:\s*"response\.(?:completed|incomplete)"')


RESPONSES = Face(
    dialect=DIALECTS["openai-responses"],
    id_prefix="resp_",
    headers=("openai-beta",),
    relay=ResponsesRelay,
    follows=True,
    check=_check_stateless,
)
