"""Google's access tokens: Application Default Credentials, by google-auth."""

import datetime
import functools
import os
import re
import threading
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import google.auth
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError, TransportError

from providers.upstreams.base import ProviderRow
from providers.upstreams.tokens import Token, TokenError

_SECONDS = 30.0
"""How long a server of tokens may take."""
_LIFE_SECONDS = 600.0
"""Of a token that does not say when it ends."""
_WORD = re.compile(r"[A-Za-z_]{3,40}")


class GoogleTokens:
    """From the credentials file that the row names, else from where Google's libraries look.

    (``gcloud auth application-default login``, the metadata server: see
    https://cloud.google.com/docs/authentication/application-default-credentials.) A file is read at once, anything else
    is asked when the first token is needed. Raises ValueError for a file that cannot be used.
    """

    def __init__(self, row: ProviderRow) -> None:
        self._row = row
        self._lock = threading.Lock()
        file = row.credentials_file or _file_of_login()
        self._credentials: Any = None if file is None else self._read(file)

    @property
    def headers(self) -> Mapping[str, str]:
        """The project that is billed, where the credentials name one, as Google's own SDK sends it."""
        project = getattr(self._credentials, "quota_project_id", None)
        return {"x-goog-user-project": project} if project else {}

    def fetch(self) -> Token:
        """See ``TokenSource.fetch``."""
        # Half a second of imports, which nobody has to wait for before the first call.
        from google.auth.transport.requests import Request

        with self._lock:
            try:
                if self._credentials is None:
                    self._credentials, _ = google.auth.default(scopes=[self._row.token_scope])
                self._credentials.refresh(functools.partial(Request(), timeout=_SECONDS))
            except GoogleAuthError as error:
                raise _failure(error) from None
            ends = self._credentials.expiry
            # Google's expiry is a time without a zone, and means UTC.
            ends = time.time() + _LIFE_SECONDS if ends is None else ends.replace(tzinfo=datetime.UTC).timestamp()
            return Token(str(self._credentials.token), ends)

    def _read(self, file: str) -> Any:
        try:
            with warnings.catch_warnings():
                # It warns of files from strangers; this one is the operator's.
                warnings.simplefilter("ignore", DeprecationWarning)
                load: Any = google.auth.load_credentials_from_file
                credentials, _ = load(file, scopes=[self._row.token_scope])
        except (GoogleAuthError, ValueError, OSError) as error:
            # The words of the fault can quote the file.
            raise ValueError(
                f"provider {self._row.name}: the credentials file cannot be used ({type(error).__name__})"
            ) from None
        return credentials


def _file_of_login() -> str | None:
    """Where ``gcloud auth application-default login`` leaves its credentials, if it did."""
    folder = os.environ.get("CLOUDSDK_CONFIG")
    file = (Path(folder) if folder else Path.home() / ".config" / "gcloud") / "application_default_credentials.json"
    return str(file) if file.is_file() else None


def _failure(error: GoogleAuthError) -> TokenError:
    match error:
        case DefaultCredentialsError():
            return TokenError("no credentials were found", retryable=False)
        case TransportError():
            return TokenError("the token server cannot be reached", retryable=True)
        case _ if error.retryable:
            return TokenError("the token server does not work", retryable=True)
        case _:
            said = _said(error)
            return TokenError(f"the token server refuses the credentials{said}", retryable=False)


def _said(error: GoogleAuthError) -> str:
    """The error's code in OAuth's words (``invalid_grant``); its text can quote what was sent."""
    body = error.args[1] if len(error.args) > 1 else None
    code = body.get("error") if isinstance(body, dict) else None
    return f" ({code})" if isinstance(code, str) and _WORD.fullmatch(code) else ""
