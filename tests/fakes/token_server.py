"""A server of access tokens, as Google's (RFC 7523, for a service account) and as Azure's managed identity has it."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import google.auth.jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

ACCOUNT = "router@project-1.iam.gserviceaccount.com"
GOOGLE_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
AZURE_RESOURCE = "https://cognitiveservices.azure.com"
IDENTITY_HEADER = "secret-of-the-identity-endpoint"


class TokenServer:
    """Issues tokens, each another; those that it has issued and not withdrawn are good."""

    def __init__(self) -> None:
        self.lives = 3600
        """Seconds that a token is said to be good for."""
        self.refusing: tuple[int, Mapping[str, Any]] | None = None
        """Status and body of a refusal."""
        self.issued: list[str] = []
        self.asked = 0
        """How often a token was asked for."""
        self._withdrawn: set[str] = set()
        self.app = Starlette(
            routes=[
                Route("/token", self._google, methods=["POST"]),
                Route("/identity", self._azure, methods=["GET"]),
            ]
        )

    def takes(self, token: str) -> bool:
        """Whether a token is good."""
        return token in self.issued and token not in self._withdrawn

    def withdraw(self) -> None:
        """No token issued so far is good any more."""
        self._withdrawn.update(self.issued)

    def _issue(self) -> str:
        token = f"ya29.canary-of-a-token-{len(self.issued)}"
        self.issued.append(token)
        return token

    async def _google(self, request: Request) -> Response:
        self.asked += 1
        if self.refusing is not None:
            return JSONResponse(dict(self.refusing[1]), status_code=self.refusing[0])
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        if form.get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer":
            return JSONResponse({"error": "unsupported_grant_type"}, status_code=400)
        claims = google.auth.jwt.decode(form["assertion"], verify=False)  # type: ignore[no-untyped-call]
        if claims["iss"] != ACCOUNT or claims["scope"] != GOOGLE_SCOPE:
            return JSONResponse({"error": "invalid_scope"}, status_code=400)
        return JSONResponse({"access_token": self._issue(), "expires_in": self.lives, "token_type": "Bearer"})

    async def _azure(self, request: Request) -> Response:
        self.asked += 1
        if request.headers.get("x-identity-header") != IDENTITY_HEADER:
            return JSONResponse({"error": "unauthorized"}, status_code=401)
        if self.refusing is not None:
            return JSONResponse(dict(self.refusing[1]), status_code=self.refusing[0])
        if request.query_params.get("resource") != AZURE_RESOURCE:
            return JSONResponse({"error": "invalid_resource"}, status_code=400)
        ends = int(time.time()) + self.lives
        return JSONResponse({"access_token": self._issue(), "expires_on": str(ends), "token_type": "Bearer"})


@cache
def private_key() -> str:
    """A key for the tests."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(pem, form, serialization.NoEncryption()).decode()


def credentials_file(folder: Path, token_server: str, **more: str) -> Path:
    """A service account's file whose tokens come from this server."""
    file = folder / "credentials.json"
    account = {
        "type": "service_account",
        "project_id": "project-1",
        "private_key_id": "key-id",
        "private_key": private_key(),
        "client_email": ACCOUNT,
        "client_id": "1",
        "token_uri": f"{token_server}/token",
        **more,
    }
    file.write_text(json.dumps(account))
    return file
