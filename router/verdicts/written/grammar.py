"""The markups in which models write calls: a block of text read to the calls it holds, or found to be none."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec

from providers.spec.values import JsonObject
from providers.wire.json import JsonError, dumps_text, loads
from router.verdicts.written.cursor import Cursor, NoCallError

_MEMBERS: Final = frozenset({"name", "arguments", "parameters", "id", "type"})
"""What an object that is a call may hold."""
_OBJECT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])


class WrittenCall(msgspec.Struct, frozen=True):
    """A call as it stands in the text."""

    name: str
    """The caller's name of the tool."""
    arguments: str


class Block(msgspec.Struct, frozen=True):
    """A stretch of text that is one or more calls."""

    end: int
    markup: str
    """Whose markup it is, for reports."""
    calls: tuple[WrittenCall, ...]


class Names:
    """The names a call may have in the text: what the tools are called at the provider, and for the caller."""

    def __init__(self, names: Iterable[str], outward: Mapping[str, str]) -> None:
        self._callers = {outward.get(name, name): name for name in names}
        self._known = tuple(self._callers)
        longest_first = sorted(self._known, key=len, reverse=True)
        # Something has to follow: a name may still go on in the next piece of a stream.
        self._pattern = re.compile(f"(?:{'|'.join(map(re.escape, longest_first))})(?=[^\\w-])")

    def taken(self, cursor: Cursor) -> str:
        """The caller's name of the tool whose name stands here."""
        return self._callers[cursor.word(self._pattern, self._known)]

    def of(self, name: object) -> str:
        """The caller's name of this tool. Raises NoCallError where it was not offered."""
        if not isinstance(name, str) or name not in self._callers:
            raise NoCallError
        return self._callers[name]


def block_at(cursor: Cursor, names: Names) -> Block:
    """The block that begins where one of ``STARTS`` stands. Raises NeedMoreError and NoCallError."""
    start = STARTS_PATTERN.match(cursor.plain, cursor.at)
    if start is None:
        raise NoCallError
    markup, read = _READERS[start[0]]
    calls = read(cursor, names)
    return Block(cursor.at, markup, tuple(calls))


def whole_json(cursor: Cursor, names: Names) -> Block:
    """A text that is nothing but one call as JSON, in a code fence or bare. Raises NeedMoreError and NoCallError."""
    cursor.space()
    fenced = cursor.maybe("```") is not None
    if fenced:
        cursor.maybe("json", "tool_call")
        cursor.space()
    begin = cursor.at
    for sign in ("{", '"name"', ":"):
        cursor.literal(sign)
        cursor.space()
    cursor.literal('"')
    names.taken(cursor)
    cursor.literal('"')
    cursor.at = begin
    call = _call_object(cursor.json(), names)
    if fenced:
        cursor.space()
        cursor.literal("```")
    end = cursor.at
    cursor.space()
    cursor.nothing()
    return Block(end, "JSON", (call,))


# ---- one markup each


def _tool_call(cursor: Cursor, names: Names) -> list[WrittenCall]:
    """Hermes and Qwen (an object), Qwen's coders (a function inside), GLM (name, then keys and values)."""
    cursor.literal("<tool_call>")
    cursor.space()
    if cursor.ahead("{"):
        call = _call_object(cursor.json(), names)
        cursor.space()
        cursor.literal("</tool_call>")
        return [call]
    if cursor.ahead("<"):
        return _function(cursor, names)
    name = names.taken(cursor)
    values: JsonObject = {}
    while True:
        cursor.space()
        if cursor.literal("<arg_key>", "</tool_call>") == "</tool_call>":
            return [WrittenCall(name, dumps_text(values))]
        key = cursor.until("</arg_key>").strip()
        cursor.space()
        cursor.literal("<arg_value>")
        _put(values, key, cursor.until("</arg_value>"))


def _function(cursor: Cursor, names: Names) -> list[WrittenCall]:
    """Qwen's coders (parameters as elements) and Llama (an object)."""
    cursor.literal("<function=")
    name = names.taken(cursor)
    cursor.literal(">")
    cursor.space()
    if cursor.ahead("{"):
        arguments = cursor.json()
        cursor.space()
        cursor.literal("</function>")
    else:
        values: JsonObject = {}
        while cursor.literal("<parameter=", "</function>") == "<parameter=":
            key = cursor.until(">").strip()
            _put(values, key, _unpadded(cursor.until("</parameter>")))
            cursor.space()
        arguments = dumps_text(values)
    cursor.maybe_after_space("</tool_call>")
    return [WrittenCall(name, arguments)]


def _invokes(prefix: str) -> Callable[[Cursor, Names], list[WrittenCall]]:
    """DeepSeek from V3.2 on, and models that write like Claude."""
    opener, invoke_end = f'<{prefix}invoke name="', f"</{prefix}invoke>"
    wrappers = (f"<{prefix}function_calls>", f"<{prefix}tool_calls>")
    ends = (f"</{prefix}function_calls>", f"</{prefix}tool_calls>")

    def read(cursor: Cursor, names: Names) -> list[WrittenCall]:
        cursor.maybe(*wrappers)
        cursor.space()
        cursor.literal(opener)
        calls = []
        while True:
            name = names.taken(cursor)
            cursor.literal('">')
            values: JsonObject = {}
            cursor.space()
            while cursor.literal(f'<{prefix}parameter name="', invoke_end) != invoke_end:
                key = cursor.until('"')
                as_text = 'string="false"' not in cursor.until(">")
                value = cursor.until(f"</{prefix}parameter>")
                _put(values, key, value, as_text=as_text)
                cursor.space()
            calls.append(WrittenCall(name, dumps_text(values)))
            if cursor.maybe_after_space(opener, *ends) != opener:
                return calls

    return read


def _tokens(cursor: Cursor, names: Names) -> list[WrittenCall]:
    """DeepSeek up to V3.1 and Kimi, whose tokens for calls their hosts did not read."""
    if cursor.maybe("<|tool_calls_begin|>", "<|tool_calls_section_begin|>") is not None:
        cursor.space()
    cursor.literal("<|tool_call_begin|>")
    calls = []
    while True:
        cursor.space()
        cursor.maybe("function<|tool_sep|>")
        cursor.maybe("functions.")
        name = names.taken(cursor)
        if cursor.maybe(":") is not None:
            if not cursor.until("<|tool_call_argument_begin|>").strip().isdecimal():
                raise NoCallError
        else:
            cursor.maybe("<|tool_sep|>", "<|tool_call_argument_begin|>")
        cursor.space()
        fenced = cursor.maybe("```json") is not None
        cursor.space()
        arguments = cursor.json()
        cursor.space()
        if fenced:
            cursor.literal("```")
            cursor.space()
        cursor.literal("<|tool_call_end|>")
        calls.append(WrittenCall(name, arguments))
        ends = ("<|tool_calls_end|>", "<|tool_calls_section_end|>")
        if cursor.maybe_after_space("<|tool_call_begin|>", *ends) != "<|tool_call_begin|>":
            return calls


def _mistral(cursor: Cursor, names: Names) -> list[WrittenCall]:
    """A list of objects, or from tokenizer 11 on a name and its arguments."""
    cursor.literal("[TOOL_CALLS]")
    cursor.space()
    if cursor.ahead("["):
        calls = [_call_object(item, names) for item in _items(cursor.json())]
    elif cursor.ahead("{"):
        calls = [_call_object(cursor.json(), names)]
    else:
        name = names.taken(cursor)
        if cursor.maybe("[CALL_ID]") is not None:
            cursor.until("[ARGS]")
        else:
            cursor.maybe("[ARGS]")
        cursor.space()
        calls = [WrittenCall(name, cursor.json())]
    cursor.maybe_after_space("[/TOOL_CALLS]")
    return calls


def _harmony(cursor: Cursor, names: Names) -> list[WrittenCall]:
    """gpt-oss: the recipient stands before or behind the channel."""
    cursor.maybe("<|start|>assistant")
    name = _recipient(cursor, names)
    cursor.literal("<|channel|>")
    cursor.literal("commentary", "analysis")
    name = name or _recipient(cursor, names)
    if name is None:
        raise NoCallError
    cursor.space()
    cursor.maybe("<|constrain|>")
    cursor.maybe("json")
    cursor.space()
    cursor.literal("<|message|>")
    cursor.space()
    arguments = cursor.json()
    cursor.maybe_after_space("<|call|>", "<|end|>")
    return [WrittenCall(name, arguments)]


def _recipient(cursor: Cursor, names: Names) -> str | None:
    if cursor.maybe(" to=functions.") is None:
        return None
    return names.taken(cursor)


def _llama(cursor: Cursor, names: Names) -> list[WrittenCall]:
    """Llama 3.1: objects, several of them parted by semicolons."""
    cursor.literal("<|python_tag|>")
    cursor.space()
    calls = [_call_object(cursor.json(), names)]
    while cursor.maybe_after_space(";") is not None:
        cursor.space()
        calls.append(_call_object(cursor.json(), names))
    cursor.maybe_after_space("<|eom_id|>", "<|eot_id|>")
    return calls


# ---- pieces


def _call_object(text: str | bytes, names: Names) -> WrittenCall:
    """``{"name": …, "arguments": {…}}``; the arguments stay as they were written."""
    try:
        members = _OBJECT.decode(text)
        name = msgspec.json.decode(members.get("name", b"null"))
        given = [members[key] for key in ("arguments", "parameters") if key in members]
        arguments = bytes(given[0]).decode() if given else "{}"
        if arguments.startswith('"'):
            arguments = msgspec.json.decode(arguments)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise NoCallError from None
    if len(given) > 1 or not members.keys() <= _MEMBERS:
        raise NoCallError
    return WrittenCall(names.of(name), "{}" if arguments == "null" else arguments)


def _items(text: str) -> list[bytes]:
    try:
        return [bytes(item) for item in _LIST.decode(text)]
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise NoCallError from None


def _put(values: JsonObject, key: str, text: str, *, as_text: bool = True) -> None:
    """A parameter; what type its text stands for is the schema's to say."""
    if not key or key in values:
        raise NoCallError
    try:
        values[key] = text if as_text else loads(text)
    except JsonError:
        raise NoCallError from None


def _unpadded(text: str) -> str:
    return text.removeprefix("\n").removesuffix("\n")


_READERS: Final[Mapping[str, tuple[str, Callable[[Cursor, Names], list[WrittenCall]]]]] = {
    "<tool_call>": ("<tool_call>", _tool_call),
    "<function=": ("<function=…>", _function),
    **{
        f"<{prefix}{word}": (f"<{prefix}invoke>", _invokes(prefix))
        for prefix in ("", "|DSML|", "antml:")
        for word in ("function_calls>", "tool_calls>", 'invoke name="')
    },
    "<|tool_calls_begin|>": ("<|tool_call_begin|>", _tokens),
    "<|tool_calls_section_begin|>": ("<|tool_call_begin|>", _tokens),
    "<|tool_call_begin|>": ("<|tool_call_begin|>", _tokens),
    "[TOOL_CALLS]": ("[TOOL_CALLS]", _mistral),
    "<|start|>assistant": ("<|channel|>", _harmony),
    "<|channel|>": ("<|channel|>", _harmony),
    "<|python_tag|>": ("<|python_tag|>", _llama),
}
STARTS: Final = tuple(_READERS)
"""What a block begins with, full-width signs as ASCII. None begins another."""
STARTS_PATTERN: Final = re.compile("|".join(map(re.escape, STARTS)))
