"""Call ids are made legal, and different ids stay different."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.wire import ids
from providers.wire.ids import UniqueIds, base62_digest, legal_id

ANTHROPIC = r"[a-zA-Z0-9_-]{1,64}"
MISTRAL = r"[a-zA-Z0-9]{9}"


def test_a_legal_id_is_left_alone() -> None:
    assert legal_id("toolu_01AbC-x", ANTHROPIC) == "toolu_01AbC-x"
    assert legal_id("Ab3dE6gH9", MISTRAL, 9) == "Ab3dE6gH9"


def test_an_illegal_id_becomes_legal_and_stays_readable() -> None:
    """ID-01."""
    rewritten = legal_id("functions.Bash:0", ANTHROPIC)
    assert re.fullmatch(ANTHROPIC, rewritten)
    assert rewritten.startswith("functions_Bash_0_")
    assert rewritten == legal_id("functions.Bash:0", ANTHROPIC)


@given(st.lists(st.text(max_size=120), min_size=2, max_size=30, unique=True))
def test_different_ids_stay_different(originals: list[str]) -> None:
    """ID-02, ID-03, ID-04."""
    for pattern, length in ((ANTHROPIC, 64), (MISTRAL, 9)):
        rewritten = [legal_id(original, pattern, length) for original in originals]
        assert all(re.fullmatch(pattern, each) for each in rewritten)
        assert len(set(rewritten)) == len(originals)


@given(st.lists(st.sampled_from(["a", "a (2)", "a (3)", "b c", "", "ä", "a_2"]), max_size=40))
def test_an_id_that_comes_again_is_told_apart_by_its_repetition(originals: list[str]) -> None:
    """ID-07. The first that is free is taken, however it is found."""
    for pattern, length in ((ANTHROPIC, 64), (MISTRAL, 9)):
        unique = UniqueIds(pattern, length)
        given_out: list[str] = []
        for original in originals:
            wanted, repeat = legal_id(original, pattern, length), 1
            while wanted in given_out:
                repeat += 1
                wanted = legal_id(f"{original} ({repeat})", pattern, length)
            given_out.append(wanted)
            assert unique.of(original) == wanted


def test_an_id_in_every_turn_does_not_cost_the_square_of_the_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    made = 0

    def counted(original: str, pattern: str, length: int) -> str:
        nonlocal made
        made += 1
        return legal_id(original, pattern, length)

    monkeypatch.setattr(ids, "legal_id", counted)
    unique = UniqueIds(ANTHROPIC, 64)
    assert len({unique.of("call_1") for _ in range(2000)}) == 2000
    assert made <= 4000


def test_what_stands_for_a_text_is_the_same_in_every_release() -> None:
    """A provider's cache knows a prompt by the names and ids in it."""
    assert base62_digest("filetree.list", 12) == "IdDKBftkdgmT"
    assert legal_id("toolu_a.b", MISTRAL, 9) == "CyxH7dcvr"
