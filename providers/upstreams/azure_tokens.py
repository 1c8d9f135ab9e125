"""Microsoft Entra's access tokens for Azure, by azure-identity, which is an extra of this package."""

from collections.abc import Mapping
from typing import Any

from providers.upstreams.base import ProviderRow
from providers.upstreams.tokens import Token, TokenError

_MISSING = (
    "tokens of Azure need the package azure-identity, which comes with the extra 'azure'; "
    'in a clone of the repository, pip install ".[azure]"'
)


class AzureTokens:
    """From wherever ``DefaultAzureCredential`` finds one: the environment, a workload or managed identity, a login.

    Raises ValueError where azure-identity is not installed.
    """

    def __init__(self, row: ProviderRow) -> None:
        try:
            from azure.identity import DefaultAzureCredential
        except ImportError:
            raise ValueError(f"provider {row.name}: {_MISSING}") from None
        self._row = row
        self._credential: Any = DefaultAzureCredential()

    @property
    def headers(self) -> Mapping[str, str]:
        """None."""
        return {}

    def fetch(self) -> Token:
        """See ``TokenSource.fetch``."""
        from azure.core.exceptions import AzureError, ClientAuthenticationError

        try:
            token = self._credential.get_token(self._row.token_scope)
        except ClientAuthenticationError:
            # Its text names every place that was looked at, over many lines, and what each of them answered.
            raise TokenError("no credential of Azure was found or taken", retryable=False) from None
        except AzureError as error:
            raise TokenError(f"Azure cannot be asked for one ({type(error).__name__})", retryable=True) from None
        return Token(token.token, float(token.expires_on))
