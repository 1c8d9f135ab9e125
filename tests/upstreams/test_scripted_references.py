"""What a script takes from the results of the calls before."""

from __future__ import annotations

import pytest

from providers.dialects.openai_chat import DIALECT
from providers.spec.values import Json
from providers.upstreams.scripted.references import MissingReferenceError, Result, filled, filled_text, results_of
from providers.wire.json import dumps, loads
from tests.upstreams.scripts import history

LISTED = """{"source_id": "here", "count": 3, "ratio": 1.50, "big": 12345678901234567890, "empty": [], "none": null,
 "entries": [{"type": "file", "path": "a.txt"}, {"type": "directory", "path": "b"}, {"type": "file", "path": "c.txt"}],
 "a/b": 1, "names": ["x", "y", 3]}"""


def results(*rounds: tuple[tuple[str, str], ...]) -> list[Result]:
    """The results of a history as the player sees them."""
    return results_of(DIALECT.decode_request({"model": "m", "messages": history(*rounds)}).messages)


RESULTS = results(
    (("list", LISTED), ("read", "one")), (("read", "  \n first line \nsecond"), ("read", '"text"'), ("odd#name", "1"))
)


@pytest.mark.parametrize(
    ("reference", "value"),
    [
        ("list/source_id", "here"),
        ("list/count", 3),
        ("list/big", 12345678901234567890),
        ("list/none", None),
        ("list/entries/0/path", "a.txt"),
        ("list/entries/type=file/1/path", "c.txt"),
        ("list/entries/type=file/1", {"type": "file", "path": "c.txt"}),
        ("list/entries/type=link", []),
        ("list/entries | count", 3),
        ("list/entries/type=directory | count", 1),
        ("list | count", 9),
        ("list/source_id | count", 4),
        ("list/empty | count", 0),
        ("list/names | names", "x, y, 3"),
        ("list/entries/1 | json", '{"type":"directory","path":"b"}'),
        ("list/ratio | json", "1.50"),
        ("read", "  \n first line \nsecond"),
        ("read | first_line", "first line"),
        ("read#1", "text"),
        ("0", "  \n first line \nsecond"),
        ("1", "text"),
        ("list/absent ?? nothing", "nothing"),
        ("list/absent ??", ""),
        ("list/absent | count ?? 0", "0"),
        ("absent ?? a ?? b", "a ?? b"),
        ("read#7 ?? none", "none"),
        ("list/count ?? nothing", 3),
    ],
)
def test_a_reference_finds(reference: str, value: Json) -> None:
    assert filled(f"{{{{{reference}}}}}", RESULTS) == value
    assert filled(f"{{{{  {reference}  }}}}", RESULTS) == value


@pytest.mark.parametrize(
    "reference",
    [
        *("absent", "list/absent", "list/entries/3", "list/entries/-1", "list/entries/path", "list/count/0", "read/0"),
        *(
            "read#2",
            "9",
            "list/entries | first_line",
            "list/count | count",
            "list | names",
            "list/none/x",
            "list/entries/²",
        ),
    ],
)
def test_what_is_not_there_is_missing(reference: str) -> None:
    with pytest.raises(MissingReferenceError):
        filled(f"{{{{{reference}}}}}", RESULTS)


def test_nothing_is_found_without_results() -> None:
    for reference in ("0", "list", "list#1/a"):
        with pytest.raises(MissingReferenceError):
            filled(f"{{{{{reference}}}}}", [])


def test_a_value_keeps_its_type_alone_and_becomes_text_among_text() -> None:
    """ARGS-10: numbers keep their literals, too."""
    value: Json = {"a": "{{list/count}}", "b": ["{{list/entries/0}}", "{{list/ratio}}"], "c": "{{list/count}}!", "d": 7}
    assert dumps(filled(value, RESULTS)) == b'{"a":3,"b":[{"type":"file","path":"a.txt"},1.50],"c":"3!","d":7}'
    assert filled_text("{{list/ratio}} of {{list/entries/1}} in {{list/source_id}}", RESULTS) == (
        '1.50 of {"type":"directory","path":"b"} in here'
    )


def test_two_references_side_by_side_are_two() -> None:
    assert filled("{{list/source_id}}{{list/count}}", RESULTS) == "here3"
    assert filled("{{list/source_id}} and {{list/count}}", RESULTS) == "here and 3"


def test_text_without_references_is_left_alone() -> None:
    for text in ("{}", "{{", "}}", "{ {a} }", "{{}}", ""):
        assert filled(text, RESULTS) == text


def test_what_a_result_says_is_not_read_as_a_reference() -> None:
    """A tool's output is data: braces in it are not looked up."""
    assert filled_text("{{read}}", results((("read", "{{list/count}}"),))) == "{{list/count}}"


def test_results_count_in_the_order_of_their_calls() -> None:
    """Joined by id: the order in which a client sends them says nothing."""
    messages = history((("read", "first"), ("read", "second"), ("list", "third")))
    shuffled = [*messages[:2], messages[4], messages[3], messages[2]]
    found = results_of(DIALECT.decode_request({"model": "m", "messages": shuffled}).messages)
    assert [filled(f"{{{{{each}}}}}", found) for each in ("read", "read#1", "0", "1", "2")] == [
        *("first", "second", "first", "second", "third")
    ]


def test_ids_that_repeat_from_turn_to_turn_stay_apart() -> None:
    """ID-07."""
    messages = [*history((("read", "old"),)), *history((("list", "new"),))[1:]]
    found = results_of(DIALECT.decode_request({"model": "m", "messages": messages}).messages)
    assert [(each.turn, each.name, each.text) for each in found] == [(1, "read", "old"), (2, "list", "new")]


def test_the_latest_turn_that_called_the_tool_counts() -> None:
    found = results((("read", "1a"), ("read", "1b")), (("list", "2"),), (("read", "3"),), (("list", "4"),))
    assert filled("{{read}}", found) == 3
    with pytest.raises(MissingReferenceError):
        filled("{{read#1}}", found)
    assert filled("{{0}}", found) == loads("4")
