"""The counters of several processes that serve one application: each keeps its own in a file, a reader adds them up.

The files are prometheus-client's own multi-process mode, which a directory in the environment switches on before that
library is imported: ``ai-router serve --workers`` sets it, and whoever runs the application under another server may.
Nothing here imports the library before it is needed, since it looks at the environment only then.
"""

import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

DIRECTORY_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"


def are_shared() -> bool:
    """Whether this process is one of several that count together."""
    return DIRECTORY_VARIABLE in os.environ


def registry_of_workers() -> "CollectorRegistry":
    """A registry that reads what all of them have counted, those that have ended included."""
    from prometheus_client import CollectorRegistry
    from prometheus_client.multiprocess import MultiProcessCollector

    registry = CollectorRegistry()
    MultiProcessCollector(registry, os.environ[DIRECTORY_VARIABLE])  # type: ignore[no-untyped-call]
    return registry


def forget(process: int) -> None:
    """A process has ended: what it had under way is over, what it counted stays."""
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(process)  # type: ignore[no-untyped-call]
