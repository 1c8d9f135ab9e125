"""Takes keys out of text that is going to be shown."""

import re
from collections.abc import Iterable

REDACTED = "[redacted]"

_SHORTEST_SECRET = 6
"""Shorter "keys" are words of a test set-up; replacing them would eat ordinary text."""

_KEY_SHAPES = re.compile(
    r"""
      (?P<scheme>\b(?:Bearer|Basic)\s+)[A-Za-z0-9+/_.~=-]{8,}
    | \b(?:
          (?:sk|pk|rk)-[A-Za-z0-9*][A-Za-z0-9_*-]{7,}          # OpenAI, Anthropic (sk-ant-), OpenRouter (sk-or-), …
        | (?:gsk|tgp|fw|hf|r8)_[A-Za-z0-9_*-]{12,}             # Groq, Together, Fireworks, Hugging Face, Replicate
        | (?:xai|csk|pplx|nvapi)-[A-Za-z0-9_*-]{12,}           # xAI, Cerebras, Perplexity, NVIDIA
        | AIza[A-Za-z0-9_-]{20,}                               # Google
        | AQ\.[A-Za-z0-9_-]{20,}                               # Google, newer keys
        | ya29\.[A-Za-z0-9._-]{10,}                            # Google, access tokens
        | (?:AKIA|ASIA)[A-Z0-9]{12,}                           # AWS
        | eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+  # a JSON web token
      )
    """,
    re.VERBOSE,
)


def scrub(text: str, secrets: Iterable[str] = ()) -> str:
    """The text with every known secret, and whatever looks like a key of a known provider, replaced.

    Providers quote the key they refuse ("Incorrect API key provided: sk-…"). What they have starred out themselves
    goes too, as the ends that they leave help nobody but a thief.
    """
    # Longest first: a secret that begins with another must not leave its tail.
    for secret in sorted({secret for secret in secrets if len(secret) >= _SHORTEST_SECRET}, key=len, reverse=True):
        text = text.replace(secret, REDACTED)
    return _KEY_SHAPES.sub(lambda match: (match["scheme"] or "") + REDACTED, text)
