"""Signatures that a fake can check without having remembered anything."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

_DIGEST_BYTES = 32


def sign(secret: str, content: str) -> str:
    """Base64 signature over a text: its digest and the digest's MAC."""
    digest = hashlib.sha256(content.encode()).digest()
    return base64.b64encode(digest + _mac(secret, digest)).decode()


def is_genuine(secret: str, signature: str, content: str | None) -> bool:
    """Whether ``sign`` made this signature, and over this very text unless the text is None (withheld)."""
    standard = signature.replace("-", "+").replace("_", "/")  # Google's client writes bytes in the other alphabet
    try:
        raw = base64.b64decode(standard, validate=True)
    except (binascii.Error, ValueError):
        return False
    digest, mac = raw[:_DIGEST_BYTES], raw[_DIGEST_BYTES:]
    if not hmac.compare_digest(mac, _mac(secret, digest)):
        return False
    return content is None or hmac.compare_digest(digest, hashlib.sha256(content.encode()).digest())


def _mac(secret: str, digest: bytes) -> bytes:
    return hmac.new(secret.encode(), digest, hashlib.sha256).digest()
