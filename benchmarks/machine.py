"""The machine under measurement: what processes cost in time and memory, on which cores, and who else was busy."""

import contextlib
import os
import platform
import re
import resource
import subprocess
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

_TICK: Final = os.sysconf("SC_CLK_TCK")
_LIBRARIES: Final = ("uvicorn", "httptools", "uvloop", "aiohttp", "msgspec", "jsonschema-rs", "prometheus-client")

CORES: Final = sorted(os.sched_getaffinity(0))
SERVER_CORES: Final = frozenset(CORES[:1])
"""The server under measurement has these for itself, where there is more than one."""
LOAD_CORES: Final = frozenset(CORES[1:2]) or SERVER_CORES
"""The fake provider and the load share these."""


def described() -> dict[str, Any]:
    """What figures depend on."""
    found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return {
        "cpu": found[1] if found else platform.machine(),
        "cores": len(CORES),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in _LIBRARIES},
    }


def tree_of(process: int) -> list[int]:
    """A process and all that it has started."""
    found = [process]
    with contextlib.suppress(OSError):
        for thread in Path(f"/proc/{process}/task").iterdir():
            for child in (thread / "children").read_text().split():
                found += tree_of(int(child))
    return found


def cpu_seconds(processes: Iterable[int]) -> float:
    """User and system time of processes that live: every thread's, to the nanosecond."""
    total = 0
    for process in processes:
        with contextlib.suppress(OSError):
            for thread in Path(f"/proc/{process}/task").iterdir():
                with contextlib.suppress(OSError):
                    total += int((thread / "schedstat").read_text().split()[0])
    return total / 1e9


def memory_mb(processes: Iterable[int]) -> float:
    """What they hold of the memory; what several share is counted once (proportional set size)."""
    total = 0
    for process in processes:
        with contextlib.suppress(OSError):
            found = re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{process}/smaps_rollup").read_text(), re.MULTILINE)
            total += int(found[1]) if found else 0
    return round(total / 1024, 1)


def busy_seconds() -> float:
    """What all cores have worked since the machine started, interrupts left out."""
    words = Path("/proc/stat").read_text().partition("\n")[0].split()[1:]
    user, nice, system = (int(word) for word in words[:3])
    return (user + nice + system) / _TICK


def own_seconds() -> float:
    """What this process and those that it has waited for have worked."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def _prepared(cores: Iterable[int], nice: int) -> Callable[[], None]:
    """What a process does before it becomes another program."""

    def prepare() -> None:
        os.sched_setaffinity(0, cores)
        if nice:
            os.setpriority(os.PRIO_PROCESS, 0, nice)
            # Where the kernel groups sessions, a group has a niceness of its own.
            with contextlib.suppress(OSError):
                Path("/proc/self/autogroup").write_text(str(nice))

    return prepare


def started(
    command: list[str], cores: Iterable[int], log: Path, *, nice: int = 0, **more: Any
) -> "subprocess.Popen[bytes]":
    """A process on these cores, in a session of its own, whose output goes into a file."""
    with log.open("wb") as file:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_prepared(cores, nice),  # noqa: PLW1509  # this process has no threads
            **more,
        )


def output_of(command: list[str], cores: Iterable[int], *, nice: int = 0, seconds: float) -> str:
    """What a program on these cores prints."""
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=True,
        timeout=seconds,
        start_new_session=True,
        preexec_fn=_prepared(cores, nice),
    )
    return done.stdout


def stop(process: "subprocess.Popen[bytes]") -> None:
    """End a process and all that it has started."""
    family = tree_of(process.pid)
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(5)
    for member in family:
        with contextlib.suppress(ProcessLookupError):
            os.kill(member, 9)
    process.wait()
