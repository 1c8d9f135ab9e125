"""What large bodies were in is kept for the next one, where the C library lets us say so."""

from __future__ import annotations

import ctypes
import platform
import subprocess
import sys
from types import SimpleNamespace

import pytest

from router.freed_memory import keep_freed_memory

_FAULTS = """
import resource, sys
from router.freed_memory import keep_freed_memory

if sys.argv[1] == "kept":
    keep_freed_memory(20 << 20)
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    pieces = [bytes(1 << 16) for _ in range(320)]
    held = [b"".join(pieces) for _ in range(3)]
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print([faults() for _ in range(4)][-1])
"""


def _faults(kind: str) -> int:
    done = subprocess.run([sys.executable, "-c", _FAULTS, kind], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_the_next_body_is_where_the_last_one_was() -> None:
    """A page has 4 KB: 20 MB are 5000 of them, four times over."""
    assert _faults("left") > 5000
    assert _faults("kept") < 500


@pytest.fixture
def changes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for name in ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TOP_PAD_", "GLIBC_TUNABLES"):
        monkeypatch.delenv(name, raising=False)
    library = SimpleNamespace(mallopt=lambda what, value: found.append((what, value)))
    monkeypatch.setattr(ctypes, "CDLL", lambda name: library)
    return found


@pytest.mark.parametrize("largest", [1, 1 << 20, 20 << 20, 1 << 40])
def test_what_is_said_fits(changes: list[tuple[int, int]], largest: int) -> None:
    keep_freed_memory(largest)
    (trim, kept), (mmap, single) = changes
    assert (trim, mmap) == (-1, -3)
    assert single <= 32 << 20
    assert kept <= 2**31 - 1


@pytest.mark.parametrize(
    ("name", "value"), [("MALLOC_TRIM_THRESHOLD_", "1"), ("GLIBC_TUNABLES", "glibc.malloc.trim_threshold=1")]
)
def test_the_operator_has_the_last_word(
    changes: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    keep_freed_memory(20 << 20)
    assert not changes


def test_other_libraries_are_left_alone(changes: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: SimpleNamespace())
    keep_freed_memory(20 << 20)
    assert not changes
