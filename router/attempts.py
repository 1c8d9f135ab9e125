"""The candidates that were tried: what each of them failed with, and what is said of it in the end."""

import re

from providers.spec.errors import InternalError, ProviderError, RouterError, UnsupportedError
from providers.spec.values import Json, JsonObject
from router.plan import Plan


class Attempts:
    """The failures of one request's candidates, in order."""

    def __init__(self) -> None:
        self._failures: list[tuple[str, RouterError]] = []

    def note(self, model: str, error: RouterError) -> None:
        """A candidate failed."""
        self._failures.append((model, error))

    def said(self) -> JsonObject:
        """``attempts`` for the ``router`` object: what failed before the candidate that answered."""
        if not self._failures:
            return {}
        attempts: list[Json] = [
            {"model": model, "status": error.status, "type": error.type, "message": error.message}
            for model, error in self._failures
        ]
        return {"attempts": attempts}

    def failure(self) -> RouterError:
        """The error to answer with where no candidate answered: the last one, which names those before it.

        Where every candidate refused a loss, one error names what each could not take.
        """
        if not self._failures:
            return InternalError("there was no candidate")
        *before, (_, last) = self._failures
        if not before:
            return last
        if all(isinstance(error, UnsupportedError) for _, error in self._failures):
            return UnsupportedError("; ".join(error.message for _, error in self._failures), path=last.path)
        told = "; ".join(f"{model}: {error.status} {error.type}" for model, error in before)
        last.message = f"{last.message} (candidates that failed before it: {told})"
        return last


def refuses_state(error: RouterError, plan: Plan) -> bool:
    """Whether the provider refused opaque state that it was sent: then the request is sent once more without it."""
    pattern = plan.row.profile.state_error
    return (
        pattern is not None
        and isinstance(error, ProviderError)
        and error.status == 400
        and re.search(pattern, error.message, re.IGNORECASE) is not None
    )
