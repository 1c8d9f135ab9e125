"""The page of pitfalls is what the tests say, and every entry of the catalogue has its place on it."""

from __future__ import annotations

from collections import Counter

from tests.pitfalls import PAGE, catalogue, claims, page

_MOST_IDS = 3
"""A test that claims more holds off none of them in particular."""


def test_the_page_is_up_to_date() -> None:
    """``python -m tests.pitfalls`` writes it."""
    assert PAGE.read_text("utf-8") == page()


def test_every_claim_is_of_an_entry() -> None:
    known = catalogue().titles
    assert {claim.test: wrong for claim in claims() if (wrong := set(claim.ids) - set(known))} == {}


def test_no_test_claims_too_much() -> None:
    assert {claim.test: claim.ids for claim in claims() if len(claim.ids) > _MOST_IDS} == {}


def test_every_entry_is_covered_or_said_not_to_be() -> None:
    """In one way, not in two."""
    entries = catalogue()
    covered = {pitfall for claim in claims() for pitfall in claim.ids}
    places = Counter([*covered, *entries.not_applicable, *entries.open])
    assert {pitfall: places[pitfall] for pitfall in entries.titles if places[pitfall] != 1} == {}
    assert set(places) == set(entries.titles)


def test_every_reason_is_given() -> None:
    entries = catalogue()
    assert all(len(reason) > 20 for reason in [*entries.not_applicable.values(), *entries.open.values()])


def test_claims_are_found() -> None:
    """What this file goes by would all be true of no tests at all."""
    assert len(claims()) > 200
