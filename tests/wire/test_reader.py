"""Consume or carry: nothing of a body is lost, and a wrong type names its path."""

import pytest

from providers.spec.errors import InvalidRequestError
from providers.spec.values import JsonObject
from providers.wire.reader import Reader, arranged, variant

BODY: JsonObject = {"z": 1, "text": "a", "none": None, "flag": True, "deep": {"x": 1.5}, "unknown": [1], "nil": None}


def test_what_nobody_took_is_carried() -> None:
    reader = Reader(BODY, "", "d")
    assert reader.text("text") == "a"
    assert reader.boolean("flag") is True
    assert reader.text("none") is None
    assert reader.rest() == {"d": {"z": 1, "deep": {"x": 1.5}, "unknown": [1], "nil": None}}


def test_the_same_dialect_gets_the_same_object_back() -> None:
    reader = Reader(BODY, "", "d")
    fields: JsonObject = {"flag": reader.boolean("flag"), "text": reader.text("text"), "none": reader.text("none")}
    again = arranged(fields, reader.rest(), reader.form(), "d")
    assert list(again.items()) == list(BODY.items())


def test_another_dialect_gets_only_the_fields() -> None:
    reader = Reader(BODY, "", "d")
    fields: JsonObject = {"flag": reader.boolean("flag"), "none": reader.text("none")}
    assert arranged(fields, reader.rest(), reader.form(), "other") == {"flag": True}


@pytest.mark.parametrize(
    ("method", "key", "message"),
    [
        ("text", "z", "a.z: expected a string, got number"),
        ("integer", "flag", "a.flag: expected an integer, got boolean"),
        ("number", "flag", "a.flag: expected a number, got boolean"),
        ("integer", "deep", "a.deep: expected an integer, got object"),
        ("boolean", "z", "a.z: expected a boolean, got number"),
        ("array", "text", "a.text: expected an array, got string"),
        ("object", "unknown", "a.unknown: expected an object, got array"),
        ("required_text", "none", "a.none: required"),
        ("required_array", "absent", "a.absent: required"),
    ],
)
def test_a_wrong_type_names_its_path(method: str, key: str, message: str) -> None:
    reader = Reader(BODY, "a", "d")
    with pytest.raises(InvalidRequestError) as caught:
        getattr(reader, method)(key)
    assert caught.value.message == message
    assert caught.value.path == f"a.{key}"


def test_a_reader_wants_an_object() -> None:
    with pytest.raises(InvalidRequestError, match=r"messages\[0\]: expected an object, got string"):
        Reader("x", "messages[0]", "d")


def test_variants_are_read_by_their_own_dialect_only() -> None:
    reader = Reader(BODY, "", "d")
    reader.variants["content"] = "text"
    assert variant(reader.form(), "d", "content") == "text"
    assert variant(reader.form(), "other", "content") is None
    assert variant(None, "d", "content") is None
