"""Pytest hooks that say in the summary what recorded traffic was run, or that there was none."""

from __future__ import annotations

import pytest

from tests.traffic import absence_is_failure, missing_traffic_notice, traffic_root

_counts: dict[str, int] = {}
_not_run = pytest.StashKey[int]()


def record_count(label: str, n: int = 1) -> None:
    """Add to a figure that is printed under ``label`` at the end of the run."""
    _counts[label] = _counts.get(label, 0) + n


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", "needs_traffic: reads recorded provider traffic; not run where there is none")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without recordings, take out what needs them; on a build machine refuse to start."""
    needing = [item for item in items if item.get_closest_marker("needs_traffic")]
    if not needing or traffic_root() is not None:
        return
    notice = missing_traffic_notice(len(needing))
    if absence_is_failure():
        raise pytest.UsageError(f"{notice} (CI=true: their absence is a failure)")
    config.stash[_not_run] = len(needing)
    # Taken out rather than skipped: the one line in the summary stands for all of them.
    config.hook.pytest_deselected(items=needing)
    items[:] = [item for item in items if item not in needing]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the figures, and the one line about absent recordings."""
    for label, count in sorted(_counts.items()):
        terminalreporter.write_line(f"{label}: {count}")
    missing = config.stash.get(_not_run, 0)
    if missing:
        terminalreporter.write_line(missing_traffic_notice(missing), yellow=True)
