"""Which test covers which entry of the catalogue of tool-calling pitfalls: read from the tests, never kept by hand.

A test covers an entry by naming its ID in its docstring. ``python -m tests.pitfalls`` writes ``docs/pitfalls.md``; what
does not apply to us stands with its reason in ``tests/pitfalls.toml``.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
TESTS = REPOSITORY / "tests"
PAGE = REPOSITORY / "docs" / "pitfalls.md"
CATALOGUE = TESTS / "pitfalls.toml"

PITFALL_ID = re.compile(
    r"\b(?:SCHEMA|CHOICE|ID|ARGS|STREAM|HIST|REASON|FINISH|USAGE|ERROR|TEXT|CACHE|SERVER|PARAM|GATE|LOOP)-\d\d\b"
)

_HEAD = """# The pitfalls of tool calling, and the tests that hold them off

Written by `python -m tests.pitfalls` from the tests themselves: a test covers an entry by naming its ID in its
docstring.
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """A test that names entries."""

    test: str
    """``tests/wire/test_ids.py::test_…``"""
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The entries by ID."""

    titles: dict[str, str]
    not_applicable: dict[str, str]
    """Entries that are none of ours, with the reason."""
    open: dict[str, str]
    """Entries that are ours and are not held off yet, with what is missing."""


def catalogue() -> Catalogue:
    """The entries, and those that do not apply."""
    tables = tomllib.loads(CATALOGUE.read_text("utf-8"))
    return Catalogue(
        titles=tables["titles"], not_applicable=tables.get("not_applicable", {}), open=tables.get("open", {})
    )


def claims() -> list[Claim]:
    """Every test that names an entry, in order of file and line."""
    return [claim for path in sorted(TESTS.rglob("test_*.py")) for claim in _claims_of(path)]


def page() -> str:
    """The whole page as it should stand in ``docs/``."""
    entries = catalogue()
    covered: dict[str, list[str]] = defaultdict(list)
    for claim in claims():
        for pitfall in claim.ids:
            covered[pitfall].append(claim.test)
    lines = [_HEAD, _counts(covered, entries), ""]
    group = ""
    for pitfall, title in entries.titles.items():
        if pitfall.partition("-")[0] != group:
            group = pitfall.partition("-")[0]
            lines += [f"## {group}", "", "| entry | what goes wrong | held off by |", "| --- | --- | --- |"]
        where = "<br>".join(f"`{test}`" for test in covered.get(pitfall, []))
        lines.append(f"| {pitfall} | {title} | {where or _without(pitfall, entries)} |")
        if _is_last_of_group(pitfall, entries):
            lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _counts(covered: Collection[str], entries: Catalogue) -> str:
    apply = len(entries.titles) - len(entries.not_applicable)
    text = f"{len(covered)} of {len(entries.titles)} entries are covered by a test"
    return f"{text}, {len(entries.not_applicable)} do not apply, {apply - len(covered)} are open."


def _without(pitfall: str, entries: Catalogue) -> str:
    if pitfall in entries.not_applicable:
        return f"does not apply: {entries.not_applicable[pitfall]}"
    return f"**open**: {entries.open.get(pitfall, 'no test yet')}"


def _is_last_of_group(pitfall: str, entries: Catalogue) -> bool:
    ids = list(entries.titles)
    place = ids.index(pitfall)
    return place + 1 == len(ids) or ids[place + 1].partition("-")[0] != pitfall.partition("-")[0]


def _claims_of(path: Path) -> Iterator[Claim]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            found = tuple(dict.fromkeys(PITFALL_ID.findall(ast.get_docstring(node) or "")))
            if found:
                yield Claim(f"{path.relative_to(REPOSITORY).as_posix()}::{node.name}", found)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
    sys.stdout.write(f"{PAGE.relative_to(REPOSITORY)} written\n")
