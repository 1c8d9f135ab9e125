"""Server-sent events by the standard, however the bytes are cut."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.wire.sse import ServerSentEvent, SseParser, encode_event, event_of


def parsed(*chunks: bytes) -> list[tuple[str, str]]:
    parser = SseParser()
    events = [event for chunk in chunks for event in parser.feed(chunk)]
    return [(event.event, event.data) for event in (*events, *parser.close())]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_lines_may_end_in_three_ways(newline: str) -> None:
    """STREAM-18."""
    text = newline.join(["event: a", "data: 1", "data: 2", "", "data: 3", "", ""])
    assert parsed(text.encode()) == [("a", "1\n2"), ("", "3")]


def test_comments_ids_and_unknown_fields_are_ignored() -> None:
    """STREAM-18."""
    assert parsed(b": OPENROUTER PROCESSING\n\nid: 7\nretry: 10\nfoo: bar\ndata:x\n\n") == [("", "x")]


def test_an_event_without_data_is_none() -> None:
    assert parsed(b"event: ping\n\ndata: 1\n\n") == [("", "1")]


def test_one_leading_space_belongs_to_the_grammar_and_no_more() -> None:
    assert parsed(b"data:  two\n\n") == [("", " two")]


def test_the_last_event_may_lack_its_blank_line() -> None:
    assert parsed(b"data: 1\n\ndata: 2\n") == [("", "1"), ("", "2")]
    assert parsed(b"data: 1\n\ndata: 2") == [("", "1"), ("", "2")]


def test_a_byte_order_mark_is_skipped() -> None:
    assert parsed(b"\xef\xbb\xbfdata: 1\n\n") == [("", "1")]


TEXT = 'event: tick\r\ndata: {"t":"é😀\u2028"}\r\n\r\n: c\n\ndata: a\rdata: b\r\rdata: last\n\n'.encode()


def test_one_byte_at_a_time_gives_the_same_events() -> None:
    """STREAM-17: a UTF-8 sequence or a CRLF may be cut anywhere."""
    assert parsed(*(TEXT[i : i + 1] for i in range(len(TEXT)))) == parsed(TEXT)


@given(st.lists(st.integers(min_value=0, max_value=len(TEXT)), max_size=12))
def test_any_cut_gives_the_same_events(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(TEXT)]
    assert parsed(*(TEXT[a:b] for a, b in itertools.pairwise(places))) == parsed(TEXT)


@given(st.lists(st.binary(max_size=30), max_size=6))
def test_any_bytes_are_taken(chunks: list[bytes]) -> None:
    parsed(*chunks)


def test_what_is_written_is_read_back() -> None:
    parser = SseParser()
    assert parser.feed(encode_event(b'{"a":1}', "x") + encode_event(b"[DONE]")) == [
        ServerSentEvent("x", '{"a":1}'),
        ServerSentEvent("", "[DONE]"),
    ]


LINES = st.sampled_from(
    ["data: {}", "data: é", "data:x", "data: a\rb", "data:  y", "event: e", ": ping", "", "", "", "id: 1", "data",
     "\ufeffdata: z"]
)  # fmt: skip
ENDS = st.lists(st.sampled_from(["\n", "\n", "\n", "\r\n", "\r\n", "\r"]), min_size=1, max_size=2)

NAMED = ["event: e", "data: é", ""]
PLAIN = (["data: {}", ""], ["data: {}", ""], NAMED, NAMED, NAMED, ["event: e"], [""])


def sum_of(lines: list[list[str]]) -> list[str]:
    return [line for some in lines for line in some]


@given(st.data())
def test_pieces_are_the_same_events_however_they_are_cut(data: st.DataObject) -> None:
    """STREAM-17, STREAM-18: plain events as bytes, all others as they always were."""
    end = data.draw(st.sampled_from(["\n", "\r\n"]) | st.none())
    lines = data.draw(st.lists(LINES, max_size=12) | st.lists(st.sampled_from(PLAIN), max_size=20).map(sum_of))
    text = "".join(line + (end or "".join(data.draw(ENDS))) for line in lines).encode()
    text += data.draw(st.binary(max_size=2))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=10)))
    chunks = [text[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    whole, cut = SseParser(), SseParser()
    expected = [whole.feed(chunk) for chunk in chunks] + [whole.close()]
    given = [cut.pieces(chunk) for chunk in chunks] + [list(cut.close())]
    assert [[event_of(piece) for piece in pieces] for pieces in given] == expected


@given(st.lists(st.lists(LINES | st.sampled_from(NAMED), max_size=3), max_size=8), st.sampled_from(["\n", "\r\n"]))
def test_pieces_are_the_same_where_each_comes_by_itself(events: list[list[str]], end: str) -> None:
    chunks = ["".join(line + end for line in [*lines, ""]).encode() for lines in events]
    whole, cut = SseParser(), SseParser()
    expected = [whole.feed(chunk) for chunk in chunks] + [whole.close()]
    given = [cut.pieces(chunk) for chunk in chunks] + [list(cut.close())]
    assert [[event_of(piece) for piece in pieces] for pieces in given] == expected


def test_plain_events_come_as_bytes() -> None:
    parser = SseParser()
    assert parser.pieces(b'data: {"a":1}\n\ndata: 2\n\ndata: ') == [b'{"a":1}', b"2"]
    assert parser.pieces(b"3") == []
    assert parser.pieces(b"\n\n") == [b"3"]
    assert parser.pieces(b"event: x\ndata: 4\n\n") == [(b"x", b"\ndata: ", b"4")]
    assert parser.pieces(b"data: 5\n\n: ping\n\n") == [ServerSentEvent("", "5")]
    assert parser.pieces(b"event: y\n") == []
    assert parser.pieces(b"data: ") == []
    assert parser.pieces(b"6\n\n") == [(b"y", b"\ndata: ", b"6")]
    assert parser.pieces(b"data: 7\n\n") == [b"7"]
    google = SseParser()
    assert google.pieces(b"data: 5\r\n\r\n") == [b"5"]
    assert google.pieces(b"data: 6\r\n\r\ndata: 7\r\n\r") == [b"6"]
    assert google.pieces(b"\n") == [b"7"]
