"""The file tree: what it shows, and that nothing leads out of it."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from loop_client import ConfigurationError, FileTree, ToolError

SECRET = "the secret outside"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "sub" / "deep").mkdir(parents=True)
    (root / "empty").mkdir()
    (root / ".git").mkdir()
    (root / ".git" / "config").write_text("hidden", encoding="utf-8")
    (root / "b.txt").write_text("bee", encoding="utf-8")
    (root / "a.txt").write_text("ay", encoding="utf-8")
    (root / "sub" / "c.txt").write_text("sea", encoding="utf-8")
    (root / "sub" / "deep" / "d.txt").write_text("dee", encoding="utf-8")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text(SECRET, encoding="utf-8")
    return root


@pytest.fixture
def tree(folder: Path) -> FileTree:
    return FileTree({"docs": folder})


def test_sources_are_told_without_their_place_on_the_disk(folder: Path) -> None:
    told = FileTree({"docs": folder, "more": folder / "sub"}, descriptions={"more": "More of it"})
    assert told.filetree_list_sources() == {
        "sources": [
            {"source_id": "docs", "description": "The folder root"},
            {"source_id": "more", "description": "More of it"},
        ]
    }


def test_a_listing_is_breadth_first_by_name_without_hidden_entries(tree: FileTree, folder: Path) -> None:
    (folder / "link").symlink_to("a.txt")
    os.mkfifo(folder / "pipe")
    assert tree.filetree_list("docs", 3, 100) == {
        "source_id": "docs",
        "entries": [
            {"path": "a.txt", "type": "file", "size": 2},
            {"path": "b.txt", "type": "file", "size": 3},
            {"path": "empty", "type": "directory"},
            {"path": "link", "type": "symlink"},
            {"path": "pipe", "type": "other"},
            {"path": "sub", "type": "directory"},
            {"path": "sub/c.txt", "type": "file", "size": 3},
            {"path": "sub/deep", "type": "directory"},
            {"path": "sub/deep/d.txt", "type": "file", "size": 3},
        ],
        "truncated": False,
    }


def paths(listing: Any) -> list[str]:
    return [entry["path"] for entry in listing["entries"]]


def test_depth_and_number_of_entries_are_bounded(tree: FileTree) -> None:
    assert paths(tree.filetree_list("docs", 1, 100)) == ["a.txt", "b.txt", "empty", "sub"]
    assert not tree.filetree_list("docs", 1, 4)["truncated"]
    cut = tree.filetree_list("docs", 3, 5)
    assert paths(cut) == ["a.txt", "b.txt", "empty", "sub", "sub/c.txt"]
    assert cut["truncated"]


def test_hidden_entries_are_served_only_when_asked_for(tree: FileTree, folder: Path) -> None:
    with pytest.raises(ToolError, match="hidden"):
        tree.filetree_read("docs", ".git/config")
    open_tree = FileTree({"docs": folder}, include_hidden=True)
    assert ".git/config" in paths(open_tree.filetree_list("docs"))
    assert open_tree.filetree_read("docs", ".git/config")["content"] == "hidden"


def test_a_folder_that_cannot_be_opened_is_marked(
    tree: FileTree, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_open = os.open

    def refuse(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if path == "sub":
            raise PermissionError(13, "no")
        return real_open(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", refuse)
    entries = tree.filetree_list("docs")["entries"]
    assert entries[-1] == {"path": "sub", "type": "directory", "unreadable": True}


def test_a_file_is_read(tree: FileTree) -> None:
    assert tree.filetree_read("docs", "./sub//c.txt") == {
        "source_id": "docs",
        "path": "sub/c.txt",
        "size": 3,
        "content": "sea",
        "truncated": False,
    }


def test_a_large_file_is_cut_between_characters(tree: FileTree, folder: Path) -> None:
    (folder / "large.txt").write_text("é" * 100, encoding="utf-8")
    read = tree.filetree_read("docs", "large.txt", 11)
    assert (read["content"], read["truncated"], read["size"]) == ("é" * 5, True, 200)
    assert "replaced_characters" not in read
    assert not tree.filetree_read("docs", "large.txt", 200)["truncated"]


def test_text_that_is_not_utf8_is_read_and_the_replacement_reported(tree: FileTree, folder: Path) -> None:
    (folder / "latin.txt").write_bytes("caf\xe9 \xfc \ufffd".encode("latin-1", errors="ignore") + "\ufffd".encode())
    read = tree.filetree_read("docs", "latin.txt")
    assert read["content"] == "caf\ufffd \ufffd \ufffd"
    assert read["replaced_characters"] == 2


def test_a_binary_file_is_refused_with_its_size(tree: FileTree, folder: Path) -> None:
    (folder / "image.png").write_bytes(b"\x89PNG\0\0")
    with pytest.raises(ToolError, match="a binary file of 6 bytes"):
        tree.filetree_read("docs", "image.png")


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("../outside/secret.txt", "'..' is not allowed"),
        ("sub/../../outside/secret.txt", "'..' is not allowed"),
        ("sub/..", "'..' is not allowed"),
        ("/etc/passwd", "must be relative"),
        ("//etc/passwd", "must be relative"),
        ("a.txt\0/etc/passwd", "no path can hold"),
        ("", "names no file"),
        (".", "names no file"),
        ("sub", "is a folder"),
        ("no.txt", "no such file"),
        ("a.txt/x", "not a folder"),
        ("x" * 5000, "too long"),
        ("\ud800", "cannot be written"),
        ("~/secret.txt", "no such file"),
    ],
)
def test_a_path_that_is_none_or_leads_out_is_refused(tree: FileTree, path: str, reason: str) -> None:
    with pytest.raises(ToolError, match=reason) as caught:
        tree.filetree_read("docs", path)
    assert "root" not in str(caught.value), "the place on the disk is not told"


@pytest.mark.parametrize("target", ["../outside/secret.txt", "{outside}/secret.txt", "a.txt", "link.txt", "nowhere"])
def test_a_link_is_not_followed_wherever_it_leads(tree: FileTree, folder: Path, target: str) -> None:
    (folder / "link.txt").symlink_to(target.format(outside=folder.parent / "outside"))
    with pytest.raises(ToolError, match="links are not followed"):
        tree.filetree_read("docs", "link.txt")


def test_a_link_in_the_middle_of_a_path_is_not_followed(tree: FileTree, folder: Path) -> None:
    (folder / "way").symlink_to(folder.parent / "outside")
    with pytest.raises(ToolError, match="links are not followed"):
        tree.filetree_read("docs", "way/secret.txt")
    assert not any(path.startswith("way/") for path in paths(tree.filetree_list("docs")))


def test_pipes_sockets_and_devices_are_refused_without_waiting(tree: FileTree, folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        place = os.open(folder, os.O_RDONLY)
        listener.bind(f"/proc/self/fd/{place}/sock" if Path("/proc/self/fd").exists() else str(folder / "sock"))
        os.close(place)
        for name in ("pipe", "sock"):
            with pytest.raises(ToolError, match="not a regular file"):
                tree.filetree_read("docs", name)
    with pytest.raises(ToolError, match="not a regular file"):
        FileTree({"dev": "/dev"}).filetree_read("dev", "zero")


def test_a_pipe_put_in_the_place_of_a_file_after_the_look_is_refused_by_the_check(
    tree: FileTree, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_stat = os.stat

    def look_then_swap(path: Any, **options: Any) -> os.stat_result:
        seen = real_stat(path, **options)
        (folder / "a.txt").unlink()
        os.mkfifo(folder / "a.txt")
        return seen

    monkeypatch.setattr(os, "stat", look_then_swap)
    with pytest.raises(ToolError, match="not a regular file"):
        tree.filetree_read("docs", "a.txt")


@pytest.mark.parametrize("swapped", ["folder", "file"])
def test_a_link_swapped_in_while_reading_never_leads_out(tree: FileTree, folder: Path, swapped: str) -> None:
    """A second thread exchanges what is read for a link to the outside, over and over, while it is read and listed."""
    outside = folder.parent / "outside"
    (outside / "only-outside").mkdir()
    (folder / "real").mkdir()
    (folder / "real" / "secret.txt").write_text("the harmless one", encoding="utf-8")
    place = folder / "real" if swapped == "folder" else folder / "real" / "secret.txt"
    link = folder / "waiting"
    link.symlink_to(outside if swapped == "folder" else outside / "secret.txt")
    kept = folder / "kept"
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            place.rename(kept)
            link.rename(place)
            place.rename(link)
            kept.rename(place)

    thread = threading.Thread(target=swap)
    thread.start()
    read, refused = 0, 0
    try:
        for _ in range(3000):
            try:
                content = tree.filetree_read("docs", "real/secret.txt")["content"]
                assert content == "the harmless one"
                read += 1
            except ToolError:
                refused += 1
            if read and refused > 50:
                assert not any("only-outside" in path for path in paths(tree.filetree_list("docs")))
        assert refused
    finally:
        stop.set()
        thread.join()


def test_descriptors_are_closed_whatever_happens(tree: FileTree, folder: Path) -> None:
    counted = Path("/proc/self/fd") if Path("/proc/self/fd").exists() else Path("/dev/fd")
    (folder / "link").symlink_to("a.txt")
    tree.filetree_list("docs")
    before = len(list(counted.iterdir()))
    for path in ("a.txt", "sub/deep/d.txt", "sub", "link", "no/such", "sub/no", "a.txt/x"):
        for _ in range(5):
            try:
                tree.filetree_read("docs", path)
            except ToolError:
                pass
            tree.filetree_list("docs")
    assert len(list(counted.iterdir())) == before


def test_an_unknown_source_names_the_known_ones(tree: FileTree) -> None:
    for use in (tree.filetree_list, lambda source: tree.filetree_read(source, "a.txt")):
        with pytest.raises(ToolError, match="there are: docs"):
            use("nope")


@pytest.mark.parametrize(("name", "place"), [("a/b", "."), ("", "."), ("docs", "./no-such-folder"), ("docs", __file__)])
def test_a_root_that_cannot_be_served_is_refused_at_once(name: str, place: str) -> None:
    with pytest.raises(ConfigurationError, match="root"):
        FileTree({name: place})


def test_the_tools_are_offered_with_bounds_in_their_schemas(tree: FileTree) -> None:
    offered = {item.name: item for item in tree.tools()}
    assert list(offered) == ["filetree_list_sources", "filetree_list", "filetree_read", "filetree_search"]
    listing = offered["filetree_list"].parameters
    assert list(listing["properties"]) == ["source_id", "max_depth", "max_entries"]
    assert listing["required"] == ["source_id"]
    assert listing["properties"]["max_depth"]["minimum"] == 1
    assert all("description" in item for item in listing["properties"].values())
    assert list(offered["filetree_read"].parameters["properties"]) == ["source_id", "path", "max_bytes"]


def test_a_name_that_is_no_text_is_shown_with_a_mark(tree: FileTree, folder: Path) -> None:
    name = os.fsencode(folder) + b"/odd\xff.txt"
    os.close(os.open(name, os.O_CREAT | os.O_WRONLY))
    assert "odd\ufffd.txt" in paths(tree.filetree_list("docs"))
