"""``POST /v1/responses``: the OpenAI Responses face, stateless."""

from providers.dialects import DIALECTS
from providers.dialects.openai_responses import check_stateless
from router.faces.serving import Face

RESPONSES = Face(
    dialect=DIALECTS["openai-responses"],
    id_prefix="resp_",
    headers=("openai-beta",),
    follows=True,
    check=check_stateless,
)
