"""The results in the repository are complete, and its document is made of them."""

import re

from benchmarks import results
from benchmarks.report import DOCUMENT, PLOT, document


def test_the_results_are_complete() -> None:
    assert results.missing(results.read()) == []


def test_the_document_is_made_of_them() -> None:
    assert DOCUMENT.read_text("utf-8") == document(results.read()), "run `python -m benchmarks.report`"
    assert f"]({PLOT.name})" in DOCUMENT.read_text("utf-8")
    assert re.search(r"<svg .*</svg>", PLOT.read_text("utf-8"), re.DOTALL)
