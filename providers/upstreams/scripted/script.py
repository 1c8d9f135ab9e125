"""What a script says, and how it is read from a file."""

import math
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from providers.spec.response import FinishReason
from providers.spec.values import Json
from providers.upstreams.scripted.references import read_reference, references_in

BUILT_IN = Path(__file__).with_name("demo.toml")

Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=600_000)]
ChunkSize = Annotated[int, msgspec.Meta(ge=1)]


class ScriptError(ValueError):
    """The script is not one: the message says where and why."""


class ScriptedCall(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One tool call of a turn."""

    name: str
    arguments: dict[str, Any] | str = {}
    """An object whose strings may hold ``{{…}}`` references, or verbatim text (broken JSON included)."""
    missing: Literal["error", "skip"] = "error"
    """What to do where a reference finds nothing: answer with an error, or leave this call out."""


class ScriptedUsage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Token counts to report."""

    input_tokens: Annotated[int, msgspec.Meta(ge=0)] = 0
    output_tokens: Annotated[int, msgspec.Meta(ge=0)] = 0


class ScriptedError(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An error answer instead of a turn."""

    status: Annotated[int, msgspec.Meta(ge=400, le=599)]
    message: str
    type: str = "api_error"
    retry_after: Annotated[float, msgspec.Meta(ge=0)] | None = None
    """Seconds, sent as the ``retry-after`` header."""


class Turn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One answer of the model."""

    reasoning: str = ""
    text: str = ""
    """May hold ``{{…}}`` references to tool results."""
    tool_calls: tuple[ScriptedCall, ...] = ()
    finish: FinishReason | None = None
    """Where it is not simply ``tool_calls`` with calls and ``stop`` without."""
    usage: ScriptedUsage | None = None
    """Counted from the text (four characters a token) where it is not given."""
    first_delay_ms: Milliseconds = 0
    """Before the first byte."""
    delay_ms: Milliseconds = 0
    """Between two chunks of a stream."""
    chunk_size: ChunkSize = 16
    """Characters of text or arguments per chunk of a stream."""
    cut_after_chunks: Annotated[int, msgspec.Meta(ge=0)] | None = None
    """Break the connection after so many chunks of a stream."""
    error: ScriptedError | None = None


class Script(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Turns by model name. ``turns`` at the top level is the script of every model that is not named."""

    turns: tuple[Turn, ...] = ()
    models: dict[str, tuple[Turn, ...]] = {}

    def turns_of(self, model: str) -> tuple[Turn, ...] | None:
        """The turns of this model, or ``None`` where the script has none for it."""
        return self.models.get(model) or self.turns or None


def load_script(path: Path) -> Script:
    """Read a script from a TOML or JSON file. Raises ScriptError with the file, the place and the reason."""
    try:
        data = path.read_bytes()
        script = _script(msgspec.json.decode(data) if path.suffix == ".json" else _read_toml(data))
        _check_references(script)
    except OSError as error:
        raise ScriptError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        # All that a reader can say: of msgspec, of tomllib, of bytes that are no text, of ours.
        raise ScriptError(f"{path}: {error}") from None
    if not script.turns and not script.models:
        raise ScriptError(f"{path}: a script needs [[turns]] or [[models.NAME]]")
    return script


def _script(raw: object) -> Script:
    """Raises ValueError, which names the model whose turns are not what they should be."""
    try:
        return msgspec.convert(raw, Script)
    except msgspec.ValidationError:
        # A place in it is told without the names of a table.
        models = raw.get("models") if isinstance(raw, dict) else None
        for name, turns in models.items() if isinstance(models, dict) else ():
            try:
                msgspec.convert(turns, tuple[Turn, ...])
            except msgspec.ValidationError as error:
                raise ValueError(f"models.{name}: {error}") from None
        raise


def _read_toml(data: bytes) -> object:
    raw = tomllib.loads(data.decode(), parse_float=_finite)
    # TOML has dates, JSON has not: they become their text.
    return msgspec.json.decode(msgspec.json.encode(raw))


def _finite(literal: str) -> float:
    number = float(literal)
    if not math.isfinite(number):
        raise ValueError(f"{literal} is no number that JSON has")
    return number


def _check_references(script: Script) -> None:
    """Raise ValueError for a reference that could never find anything: better now than in the middle of a run."""
    named = {f"models.{name}": turns for name, turns in script.models.items()}
    for key, turns in {"turns": script.turns, **named}.items():
        for number, turn in enumerate(turns, 1):
            # Arguments that are text are sent verbatim: braces in them mean nothing.
            tables: list[Json] = [call.arguments for call in turn.tool_calls if isinstance(call.arguments, dict)]
            _check_turn([turn.text, *tables], f"{key}, turn {number}")


def _check_turn(values: list[Json], place: str) -> None:
    for text in references_in(values):
        try:
            read_reference(text)
        except ValueError as error:
            raise ValueError(f"{place}: {error}") from None
