"""Call ids are made legal, and different ids stay different."""

import re

from hypothesis import given
from hypothesis import strategies as st

from providers.wire.ids import legal_id

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
