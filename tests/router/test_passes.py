"""What answers go through on their way to a caller of another dialect."""

from __future__ import annotations

from typing import Any

import pytest

from providers.spec.adjustments import Report
from providers.spec.events import PartStart
from providers.spec.parts import TextPart
from providers.spec.response import Candidate, Response
from router.passes import LostCitations


@pytest.mark.parametrize("odd", [["url_citation"], {}, 1, None])
def test_a_citation_of_no_known_kind_is_counted_as_lost(odd: Any) -> None:
    """A host's wrong type is no fault of ours, whole or streamed."""
    part = TextPart(text="x", annotations=({"type": odd}, "y", {"type": "url_citation"}))
    for streamed in (False, True):
        lost, report = LostCitations("openai-chat"), Report()
        if streamed:
            lost.feed([PartStart(index=0, part=part)])
        else:
            lost.answer(Response(candidates=(Candidate(parts=(part,)),)))
        lost.report(report)
        (adjustment,) = report.adjustments
        assert adjustment.reason.startswith("2 of kind unknown")
