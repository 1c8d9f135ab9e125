"""What is made of tools, and of bytes, that come again: once, within bounds, and told every time."""

from __future__ import annotations

import pytest

from providers.spec.adjustments import Adjustment, Report
from providers.spec.errors import InvalidRequestError
from providers.spec.request import FunctionTool, Tool
from providers.spec.values import Json
from providers.wire.json import dumps, loads
from providers.wire.kept import Kept
from providers.wire.known_tools import KnownTool, KnownTools

LOOK = FunctionTool(name="look")
TOOLS = KnownTools([KnownTool(LOOK)])


def placed(path: str, *, carried: bool = False) -> str:
    return f"input.{path}"


def test_what_is_made_once_is_told_every_time_in_places_of_the_caller() -> None:
    tools, made = KnownTools([KnownTool(LOOK)]), []

    def make(report: Report) -> str:
        made.append(True)
        report.add("tools[0].strict", "dropped", "why", from_=True)
        return "made"

    for place_of, path in ((None, "tools[0].strict"), (placed, "input.tools[0].strict"), (None, "tools[0].strict")):
        report = Report(place_of)
        assert tools.once("key", make, report) == "made"
        assert report.adjustments == [Adjustment(path=path, action="dropped", reason="why", from_=True)]
    assert made == [True]
    assert tools == tuple(TOOLS)


def test_what_cannot_be_made_is_tried_anew() -> None:
    def refuse(report: Report) -> None:
        report.add("tools[0]", "mapped", "before")
        raise InvalidRequestError("no", path="tools[0]")

    tools = KnownTools([KnownTool(LOOK)])
    for _ in range(2):
        report = Report()
        with pytest.raises(InvalidRequestError):
            tools.once("key", refuse, report)
        assert [each.reason for each in report.adjustments] == ["before"]


def test_what_is_made_of_tools_is_bounded() -> None:
    tools = KnownTools([KnownTool(LOOK)])
    for key in range(100):
        assert tools.once(key, lambda report, key=key: key, Report()) == key  # type: ignore[misc]
    assert len(tools._made) <= 16


def test_names_are_looked_at_once_for_each_pattern() -> None:
    tools = KnownTools([KnownTool(LOOK), KnownTool(FunctionTool(name="a.b"))])
    for _ in range(2):
        assert tools.names_fit("[a-z.]+")
        assert not tools.names_fit("[a-z]+")


def test_a_tool_of_which_nothing_is_told_is_written_once_whatever_it_comes_with() -> None:
    written: list[str] = []

    def write(tool: Tool, path: str, report: Report) -> Json:
        written.append(path)
        if tool.name == "told":
            report.add(f"{path}.strict", "dropped", "why", from_=True)
        return {"name": tool.name}

    look, told, other = (KnownTool(FunctionTool(name=name)) for name in ("look", "told", "other"))
    for each, anew in (([look, told], [0, 1]), ([told, look], [0]), ([other, look, told], [0, 2])):
        written.clear()
        report = Report()
        made = KnownTools(each).written("key", write, report)
        assert loads(dumps(made)) == [{"name": one.tool.name} for one in each]
        assert written == [f"tools[{place}]" for place in anew]
        assert [each.path for each in report.adjustments] == [
            f"tools[{[one.tool.name for one in each].index('told')}].strict"
        ]
    for key in range(100):
        KnownTools([look]).written(key, write, Report())
    assert len(look.written) <= 16


def test_bytes_that_were_used_last_are_kept_within_both_bounds() -> None:
    made: list[bytes] = []

    def make(source: bytes) -> bytes:
        made.append(source)
        return source.upper()

    kept = Kept(make, most=3, most_bytes=10, largest=6)

    def of(*sources: bytes) -> list[bytes]:
        made.clear()
        assert [kept.of(source) for source in sources] == [source.upper() for source in sources]
        return list(made)

    assert of(b"a", b"b", b"c", b"a") == [b"a", b"b", b"c"]
    assert of(b"d", b"a", b"c", b"b") == [b"d", b"b"]  # b was the one not used for longest
    assert of(b"too large", b"too large") == [b"too large", b"too large"]
    assert of(b"sixsix", b"fives", b"sixsix") == [b"sixsix", b"fives", b"sixsix"]
