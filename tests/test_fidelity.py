"""The page on what becomes of each feature is true, and what it says is sent the providers' rules allow."""

from __future__ import annotations

import contextlib

import pytest

from providers.spec.values import JsonObject
from providers.wire.json import dumps, loads_object
from tests.fakes.anthropic_rules import check_messages
from tests.fakes.gemini_rules import check_generate
from tests.fakes.openai_responses_rules import check_responses
from tests.fakes.openai_rules import check_chat
from tests.fakes.refusal import Refusal
from tests.fidelity import FEATURES, MODELS, NAMES, PAGE, cell, page


def test_the_page_is_what_the_codecs_do() -> None:
    assert PAGE.read_text("utf-8") == page(), "run: python -m tests.fidelity"


@pytest.mark.parametrize("wire", NAMES, ids=NAMES.values())
@pytest.mark.parametrize("face", NAMES, ids=NAMES.values())
@pytest.mark.parametrize("feature", FEATURES)
def test_a_cell_is_a_request_that_the_provider_takes(feature: str, face: str, wire: str) -> None:
    """Whatever is sent is legal; whatever is not said is told with its place."""
    found = cell(feature, face, wire)
    if found.outcome == "no words":
        return
    assert all(found.told)
    assert found.told or found.outcome == "native"
    if found.sent is None:
        assert found.outcome == "refused"
        return
    body = loads_object(dumps(found.sent))
    if face == wire:
        # A caller's own words to the vendor whose words they are: that vendor may refuse them.
        with contextlib.suppress(Refusal):
            check(body, wire)
        return
    check(body, wire)


def check(body: JsonObject, wire: str) -> None:
    """Raise Refusal for what the wire's vendor would refuse."""
    match wire:
        case "openai-chat":
            check_chat(body)
        case "openai-responses":
            check_responses(body)
        case "anthropic-messages":
            check_messages(body)
        case _:
            check_generate(body, MODELS[wire])


def test_a_caller_of_a_dialect_has_its_own_vendors_words() -> None:
    """What a dialect can say reaches its own vendor as it is."""
    for face in NAMES:
        for feature in FEATURES:
            outcome = cell(feature, face, face).outcome
            assert outcome in {"native", "no words"} or "another provider" in feature, (feature, face, outcome)
