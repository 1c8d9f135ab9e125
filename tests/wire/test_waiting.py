"""Results find the calls that wait for them as a look at each would find them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from providers.wire.waiting import Waiting

IDS = st.sampled_from(["", "a", "b"])
NAMES = st.sampled_from(["look", "go", ""])
CALLS = st.tuples(st.just("call"), IDS, NAMES, st.booleans())
RESULTS = st.tuples(st.just("result"), IDS, NAMES | st.none(), st.just(value=False))


@given(st.lists(CALLS | RESULTS | st.just(("clear", "", "", False)), max_size=30))
def test_a_result_takes_the_first_call_that_it_fits(steps: list[tuple[str, str, str | None, bool]]) -> None:
    waiting: Waiting[int] = Waiting()
    plainly: list[tuple[int, str, str, bool]] = []
    for number, (step, call_id, name, nameable) in enumerate(steps):
        if step == "call":
            assert name is not None
            waiting.add(number, call_id, name, nameable=nameable)
            plainly.append((number, call_id, name, nameable))
        elif step == "clear":
            waiting.clear()
            plainly.clear()
        else:
            fits = (
                each for each in plainly if (each[1] == call_id if call_id else each[3] and name in {None, each[2]})
            )
            expected = next(fits, None)
            if expected is not None:
                plainly.remove(expected)
            assert waiting.take(call_id, name) == (None if expected is None else expected[0])
        assert list(waiting) == [each[0] for each in plainly]
        assert bool(waiting) is bool(plainly)
