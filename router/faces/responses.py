"""``POST /v1/responses``: the OpenAI Responses face, stateless."""

from providers.dialects import DIALECTS
from providers.dialects.openai_responses import check_stateless
from providers.spec.values import JsonObject
from router.faces.serving import Face


def _check_stateless(body: JsonObject) -> None:
    check_stateless(body)


RESPONSES = Face(
    dialect=DIALECTS["openai-responses"],
    id_prefix="resp_",
    headers=("openai-beta",),
    follows=True,
    check=_check_stateless,
)
