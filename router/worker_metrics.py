"""The counters of several processes that serve one application: each keeps its own in a file, a reader adds them up.

The files are prometheus-client's own multi-process mode, which a directory in the environment switches on before that
library is imported: ``ai-router serve --workers`` sets it, and whoever runs the application under another server may.
"""

import os
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

DIRECTORY_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"

_SHARED: Final = DIRECTORY_VARIABLE in os.environ
"""As it was when the library above was imported: it decides then."""


def is_shared() -> bool:
    """Whether this process is one of several that count together."""
    return _SHARED


def registry_of_workers() -> CollectorRegistry:
    """A registry that reads what all of them have counted, those that have ended included."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry, os.environ[DIRECTORY_VARIABLE])  # type: ignore[no-untyped-call]
    return registry


def forget(process: int) -> None:
    """A process has ended: what it had under way is over, what it counted stays."""
    mark_process_dead(process)  # type: ignore[no-untyped-call]
