"""``POST /v1/messages``: the Anthropic Messages face."""

from providers.dialects import DIALECTS
from router.faces.serving import Face

MESSAGES = Face(
    dialect=DIALECTS["anthropic-messages"],
    id_prefix="msg_",
    objects=True,
    headers=("anthropic-beta", "anthropic-version"),
)
