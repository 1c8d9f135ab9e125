"""The search of the file tree: what it finds, the bounds it keeps, and that nothing leads out of the root."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from loop_client import FileTree, ToolContext, ToolError
from loop_client.context import Cancellation
from loop_client.handlers import text_search
from loop_client.handlers.text_search import SearchBounds
from tests.loop_client.fake_server import WAIT

SECRET = "the secret outside"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "sub" / "deep").mkdir(parents=True)
    (root / ".git").mkdir()
    (root / ".git" / "config").write_text("needle hidden", encoding="utf-8")
    (root / "a.txt").write_text("one\nthe needle here\nthree needle needle\n", encoding="utf-8")
    (root / "sub" / "b.txt").write_text("a Needle\r\nneedle", encoding="utf-8")
    (root / "sub" / "deep" / "c.txt").write_text("nothing", encoding="utf-8")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text(SECRET, encoding="utf-8")
    return root


@pytest.fixture
def tree(folder: Path) -> FileTree:
    return FileTree({"docs": folder})


def places(found: Any) -> list[tuple[str, int]]:
    return [(match["path"], match["line"]) for match in found["matches"]]


def test_every_line_with_the_text_is_found_once_in_the_order_of_names(tree: FileTree) -> None:
    assert tree.filetree_search("docs", "needle") == {
        "source_id": "docs",
        "matches": [
            {"path": "a.txt", "line": 2, "text": "the needle here"},
            {"path": "a.txt", "line": 3, "text": "three needle needle"},
            {"path": "sub/b.txt", "line": 2, "text": "needle"},
        ],
        "truncated": False,
        "files_searched": 3,
    }


def test_case_counts_unless_asked_not_to(tree: FileTree) -> None:
    assert ("sub/b.txt", 1) not in places(tree.filetree_search("docs", "needle"))
    found = tree.filetree_search("docs", "NEEDLE", ignore_case=True)
    assert ("sub/b.txt", 1) in places(found)
    assert found["matches"][2]["text"] == "a Needle", "without the carriage return"


def test_a_search_within_a_folder_or_a_file_looks_nowhere_else(tree: FileTree) -> None:
    assert places(tree.filetree_search("docs", "needle", "sub")) == [("sub/b.txt", 2)]
    assert places(tree.filetree_search("docs", "needle", "./a.txt")) == [("a.txt", 2), ("a.txt", 3)]


@pytest.mark.parametrize("query", ["(a+)+$", ".*", "[", "\\", "a|b", "^"])
def test_a_query_is_text_and_no_pattern(tree: FileTree, folder: Path, query: str) -> None:
    (folder / "patterns.txt").write_text(f"x{'a' * 40}b\nbefore {query} after\n", encoding="utf-8")
    assert places(tree.filetree_search("docs", query)) == [("patterns.txt", 2)]


@pytest.mark.parametrize(
    ("query", "reason"), [("", "1 to 500"), ("x" * 501, "1 to 500"), ("a\nb", "one line"), ("a\rb", "one line")]
)
def test_a_query_that_can_find_nothing_is_refused(tree: FileTree, query: str, reason: str) -> None:
    with pytest.raises(ToolError, match=reason):
        tree.filetree_search("docs", query)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("../outside", "'..' is not allowed"),
        ("sub/../../outside", "'..' is not allowed"),
        ("/etc", "must be relative"),
        (".git", "hidden"),
        ("no-such", "no such file or folder"),
        ("link", "links are not followed"),
        ("link/secret.txt", "links are not followed"),
        ("linked.txt", "links are not followed"),
        ("a.txt\0", "no path can hold"),
    ],
)
def test_a_path_that_leads_out_is_refused(tree: FileTree, folder: Path, path: str, reason: str) -> None:
    (folder / "link").symlink_to(folder.parent / "outside")
    (folder / "linked.txt").symlink_to(folder.parent / "outside" / "secret.txt")
    with pytest.raises(ToolError, match=reason) as caught:
        tree.filetree_search("docs", "secret", path)
    assert str(folder) not in str(caught.value)


def test_links_pipes_and_hidden_names_are_passed_over(tree: FileTree, folder: Path) -> None:
    (folder / "link").symlink_to(folder.parent / "outside")
    (folder / "linked.txt").symlink_to(folder.parent / "outside" / "secret.txt")
    (folder / "circle").symlink_to(folder)
    os.mkfifo(folder / "pipe")
    assert places(tree.filetree_search("docs", "secret")) == []
    assert tree.filetree_search("docs", "hidden")["files_searched"] == 3
    served = FileTree({"docs": folder}, include_hidden=True)
    assert places(served.filetree_search("docs", "hidden")) == [(".git/config", 1)]


def test_binary_and_unreadable_files_are_skipped_and_counted(
    tree: FileTree, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "image.png").write_bytes(b"\x89PNG\0needle")
    real_open = os.open

    def refuse(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if path in {"a.txt", "deep"}:
            raise PermissionError(13, "no")
        return real_open(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", refuse)
    found = tree.filetree_search("docs", "needle")
    assert places(found) == [("sub/b.txt", 2)]
    assert found["files_skipped"] == 3


def test_text_that_is_not_utf8_is_searched(tree: FileTree, folder: Path) -> None:
    (folder / "latin.txt").write_bytes(b"caf\xe9 needle")
    assert places(tree.filetree_search("docs", "needle", "latin.txt")) == [("latin.txt", 1)]


def test_results_are_bounded_and_say_so(tree: FileTree) -> None:
    found = tree.filetree_search("docs", "needle", max_results=2)
    assert (len(found["matches"]), found["truncated"]) == (2, True)
    found = tree.filetree_search("docs", "needle", max_results=3)
    assert (len(found["matches"]), found["truncated"]) == (3, False)


@pytest.mark.parametrize(
    ("bounds", "stopped_by", "searched"),
    [
        (SearchBounds(files=1), "1 files", 1),
        (SearchBounds(total_bytes=45), "45 bytes", 2),
        (SearchBounds(seconds=-1), "-1 seconds", 0),
    ],
)
def test_a_search_ends_at_its_bounds(folder: Path, bounds: SearchBounds, stopped_by: str, searched: int) -> None:
    found = FileTree({"docs": folder}, search_bounds=bounds).filetree_search("docs", "nothing to find")
    assert (found.get("stopped_by"), found["files_searched"], found["truncated"]) == (stopped_by, searched, True)


def test_of_a_large_file_only_the_beginning_is_searched(folder: Path) -> None:
    (folder / "large.txt").write_text("x" * 100 + "\nneedle", encoding="utf-8")
    search = FileTree({"docs": folder}, search_bounds=SearchBounds(file_bytes=100)).filetree_search
    found = search("docs", "needle", "large.txt")
    assert (found["matches"], found["truncated"]) == ([], True)
    assert "stopped_by" not in found


def test_a_search_nobody_waits_for_ends(folder: Path) -> None:
    cancellation = Cancellation()
    context = ToolContext("run", "call", "filetree_search", 1, cancellation=cancellation)
    cancellation.cancel()
    found = FileTree({"docs": folder}).filetree_search("docs", "needle", context=context)
    assert (found["stopped_by"], found["files_searched"]) == ("cancelled", 0)


def test_folders_are_not_searched_without_end(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_search, "_DEEPEST", 1)
    found = FileTree({"docs": folder}).filetree_search("docs", "nothing")
    assert (found["matches"], found["truncated"]) == ([], True)


def test_a_long_line_is_shown_around_the_find(tree: FileTree, folder: Path) -> None:
    (folder / "long.txt").write_text("a" * 5000 + "NEEDLE" + "b" * 5000, encoding="utf-8")
    (match,) = tree.filetree_search("docs", "NEEDLE", "long.txt")["matches"]
    assert "NEEDLE" in match["text"]
    assert match["text"].startswith("…a")
    assert match["text"].endswith("b…")
    assert len(match["text"]) < 310


@pytest.mark.parametrize("swapped", ["folder", "file"])
def test_a_link_swapped_in_while_searching_never_leads_out(tree: FileTree, folder: Path, swapped: str) -> None:
    """A second thread exchanges what is searched for a link to the outside, over and over."""
    outside = folder.parent / "outside"
    (folder / "real").mkdir()
    (folder / "real" / "secret.txt").write_text("the harmless one", encoding="utf-8")
    place = folder / "real" if swapped == "folder" else folder / "real" / "secret.txt"
    link, kept = folder / "waiting", folder / "kept"
    link.symlink_to(outside if swapped == "folder" else outside / "secret.txt")
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            place.rename(kept)
            link.rename(place)
            place.rename(link)
            kept.rename(place)

    thread = threading.Thread(target=swap)
    thread.start()
    outcomes = {"found": 0, "not found": 0}
    try:
        for _ in range(500):
            outcomes[_search_once(lambda: tree.filetree_search("docs", "the ", "real"))] += 1
            outcomes[_search_once(lambda: tree.filetree_search("docs", "the "))] += 1
    finally:
        stop.set()
        thread.join(WAIT)
    assert all(outcomes.values()), outcomes


def _search_once(search: Callable[[], Any]) -> str:
    try:
        texts = [match["text"] for match in search()["matches"]]
    except ToolError:
        return "not found"
    assert SECRET not in texts
    return "found" if "the harmless one" in texts else "not found"


def test_descriptors_are_closed_when_a_search_is_left_early(tree: FileTree, folder: Path) -> None:
    counted = Path("/proc/self/fd") if Path("/proc/self/fd").exists() else Path("/dev/fd")
    (folder / "image.png").write_bytes(b"\0")
    tree.filetree_search("docs", "needle", max_results=1)
    before = len(list(counted.iterdir()))
    for path in ("", "sub", "a.txt", "image.png", "no-such"):
        for _ in range(5):
            with contextlib.suppress(ToolError):
                tree.filetree_search("docs", "needle", path, max_results=1)
    assert len(list(counted.iterdir())) == before


def test_an_unknown_source_names_the_known_ones(tree: FileTree) -> None:
    with pytest.raises(ToolError, match="there are: docs"):
        tree.filetree_search("nope", "needle")
