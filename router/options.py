"""What a caller may ask of the router itself: the ``router`` object of a body, or headers for faces without one."""

from collections.abc import Mapping
from typing import Any, Final, Literal, get_args

import msgspec

from providers.spec.errors import InvalidRequestError
from providers.spec.values import Json
from providers.wire.json import type_name
from router.verdicts.judge import Policy

OnLoss = Literal["report", "refuse"]
Wire = Literal["auto", "chat", "responses"]
Orphans = Literal["refuse", "repair"]
StateInIds = Literal["off", "on"]
ForcedChoice = Literal["refuse", "drop_thinking", "downgrade_choice"]

HEADER_PREFIX: Final = "x-router-"
"""``router.on_loss`` is the header ``x-router-on-loss``, and so on; where both are given the body counts."""

_MOST_FALLBACKS: Final = 10


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """Checked options of one request."""

    fallbacks: tuple[str, ...] = ()
    """Further models, tried in order where the one before fails before a byte of content has reached the caller."""
    on_loss: OnLoss = "report"
    """``refuse``: the first thing that a candidate cannot take is an error (422) instead of an adjustment."""
    wire: Wire = "auto"
    """Which of a provider's dialects is spoken, where it has more than one (OpenAI)."""
    tool_validation: Policy = "report"
    """What is done about a call that does not fit its tool."""

    orphans: Orphans = "refuse"
    """What is done about calls without result and results without call in a history (HIST-07)."""
    forced_choice: ForcedChoice = "refuse"
    """Which of the two is given up where a provider takes no forced call while the model thinks (CHOICE-04)."""

    state_in_ids: StateInIds = "off"
    """``on``: what a thinking model needs back is in the ids of calls too, for clients that keep nothing else."""

    @property
    def are_plain(self) -> bool:
        """Whether nothing more than a report is asked for, so that bytes may be relayed as they are."""
        return self.on_loss == "report" and self.tool_validation == "report" and self.state_in_ids == "off"


def read_options(value: Json, headers: Mapping[str, str]) -> dict[str, Any]:
    """What is given of the options in a body's ``router`` object and in the request's headers (names in lower case).

    Raises InvalidRequestError, with the JSON path or the header's name, for a wrong type, an unknown word, or an option
    that there is not: ignoring one would be a silent loss.
    """
    given = _from_headers(headers)
    if value is not None:
        if not isinstance(value, dict):
            raise _wrong("router", f"expected an object, got {type_name(value)}")
        for name in value:
            if name not in _READERS:
                raise _wrong(f"router.{name}", f"not an option of this router; there are {', '.join(_READERS)}")
        given |= {name: _READERS[name](item, f"router.{name}") for name, item in value.items() if item is not None}
    return given


def _from_headers(headers: Mapping[str, str]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    if _HEADERS.keys().isdisjoint(headers):
        return given
    for header, name in _HEADERS.items():
        reader = _READERS[name]
        text = headers.get(header)
        if text is not None:
            value: Json = [*filter(None, map(str.strip, text.split(",")))] if name == "fallbacks" else text.strip()
            given[name] = reader(value, header)
    return given


def _wrong(path: str, reason: str) -> InvalidRequestError:
    return InvalidRequestError(f"{path}: {reason}", path=path)


def _read_fallbacks(value: Json, path: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise _wrong(path, f"expected an array of models, got {type_name(value)}")
    if len(value) > _MOST_FALLBACKS:
        raise _wrong(path, f"at most {_MOST_FALLBACKS} are accepted")
    for index, item in enumerate(value):
        if not isinstance(item, str) or not item:
            raise _wrong(f"{path}[{index}]", "expected a model: provider/model, or an alias")
    return tuple(item for item in value if isinstance(item, str))


def _word(kind: Any) -> Any:
    words = get_args(kind)

    def read(value: Json, path: str) -> str:
        if not isinstance(value, str) or value not in words:
            raise _wrong(path, f"expected one of {', '.join(words)}")
        return value

    return read


_READERS: Final[Mapping[str, Any]] = {
    "fallbacks": _read_fallbacks,
    "forced_choice": _word(ForcedChoice),
    "on_loss": _word(OnLoss),
    "orphans": _word(Orphans),
    "state_in_ids": _word(StateInIds),
    "tool_validation": _word(Policy),
    "wire": _word(Wire),
}

_HEADERS: Final[Mapping[str, str]] = {HEADER_PREFIX + name.replace("_", "-"): name for name in _READERS}
"""Option by header."""
