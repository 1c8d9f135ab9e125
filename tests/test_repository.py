"""What a stranger relies on in the repository itself: clean files, true lock files, working build and commands."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

REPOSITORY = Path(__file__).resolve().parent.parent
PROJECT_FILES = (REPOSITORY / "pyproject.toml", REPOSITORY / "loop_client" / "pyproject.toml")
LOCKS = ("requirements.lock", "requirements-demo.lock", "requirements-dev.lock", "requirements-loop-client.lock")
EXTRAS = ("server", "jobs", "mcp")
"""Of the loop client, in its image."""
LINES_AT_MOST = 600

MADE_BY_TOOLS = {
    ".git",
    ".hypothesis",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".venv",
    "__pycache__",
    "dist",
    "node_modules",
}

# Written in pieces, so that this file does not hold what it looks for.
PATH_OF_A_MACHINE = re.compile(r"(?<![\w.~$})*-])/(?:" + "|".join(["work", "opt", "root", "tmp", "home"]) + r")/")
PACKAGE_REGISTRY = re.compile(
    "|".join(
        re.escape(".".join(parts))
        for parts in [
            ("pypi", "org"),
            ("pypi", "python", "org"),
            ("files", "pythonhosted", "org"),
            ("registry", "npmjs", "org"),
            ("registry", "yarnpkg", "com"),
            ("deb", "debian", "org"),
            ("proxy", "golang", "org"),
        ]
    )
)


@cache
def repository_files() -> tuple[Path, ...]:
    """Every file that is part of the project: what git tracks or would, or in a plain folder all but the tools' own."""
    git = shutil.which("git")
    if git and (REPOSITORY / ".git").exists():
        command = [git, "-C", str(REPOSITORY), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, capture_output=True, check=False)
        if listed.returncode == 0:
            paths = (REPOSITORY / os.fsdecode(name) for name in listed.stdout.split(b"\0") if name)
            return tuple(path for path in paths if path.is_file())
    return tuple(
        path
        for path in sorted(REPOSITORY.rglob("*"))
        if path.is_file() and MADE_BY_TOOLS.isdisjoint(path.relative_to(REPOSITORY).parts)
    )


def lines_matching(pattern: re.Pattern[str], files: tuple[Path, ...]) -> list[str]:
    """``file:line: what was found`` of every hit in the text files among ``files``."""
    hits = []
    for path in files:
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), start=1):
            hits += [f"{path.name}:{number}: {found.group()}" for found in pattern.finditer(line)]
    return hits


def locked(text: str) -> dict[str, tuple[str, int]]:
    """Version and number of hashes of every package in a lock file, by name.

    Raises:
        ValueError: a line is neither a comment nor a package pinned to one version with nothing but hashes after it.
    """
    pins = {}
    uncommented = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    for line in uncommented.replace("\\\n", " ").splitlines():
        requirement, *hashes = line.split(" --hash=")
        pin = re.fullmatch(r"([a-z0-9-]+)==([^\s;]+)(?: ; .+)?", requirement.strip())
        if pin is None or not all(re.fullmatch(r"sha256:[0-9a-f]{64}", digest.strip()) for digest in hashes):
            raise ValueError(line)
        pins[pin[1]] = (pin[2], len(hashes))
    return pins


def locked_versions(name: str) -> dict[str, str]:
    """Version of every package in one of our lock files."""
    return {package: version for package, (version, _) in locked((REPOSITORY / name).read_text("utf-8")).items()}


def project(path: Path) -> dict[str, Any]:
    """A ``pyproject.toml`` as tables."""
    return tomllib.loads(path.read_text("utf-8"))


# ---- clean files


def test_no_file_names_a_path_of_one_machine() -> None:
    assert lines_matching(PATH_OF_A_MACHINE, repository_files()) == []


def test_no_file_names_the_host_of_a_package_registry() -> None:
    assert lines_matching(PACKAGE_REGISTRY, repository_files()) == []


def test_no_python_file_is_longer_than_a_reader_can_hold() -> None:
    lengths = {
        str(path.relative_to(REPOSITORY)): len(path.read_text("utf-8").splitlines())
        for path in repository_files()
        if path.suffix == ".py"
    }
    assert len(lengths) > 20
    assert {name: length for name, length in lengths.items() if length > LINES_AT_MOST} == {}


def test_the_search_for_paths_and_hosts_finds_them(tmp_path: Path) -> None:
    text, binary = tmp_path / "notes.md", tmp_path / "picture.png"
    text.write_text(
        "first line\nsee file://{0}opt{0}wheels and {0}root{0}x, not example.com{0}root{0}x nor ~{0}work{0}x\n"
        "index: https://pypi{1}org{0}simple\n".format("/", ".")
    )
    binary.write_bytes(b"\xff\xfe\x00")
    assert [hit.split(": ")[0] for hit in lines_matching(PATH_OF_A_MACHINE, (text, binary))] == ["notes.md:2"] * 2
    assert [hit.split(": ")[0] for hit in lines_matching(PACKAGE_REGISTRY, (text, binary))] == ["notes.md:3"]


# ---- versions


def test_both_distributions_and_the_changelog_agree_on_the_version() -> None:
    service, client = (project(path)["project"]["version"] for path in PROJECT_FILES)
    changelog = (REPOSITORY / "CHANGELOG.md").read_text("utf-8")
    newest = re.search(r"^## \[?(\d+\.\d+\.\d+)", changelog, re.MULTILINE)
    assert newest is not None
    assert service == client == newest[1]


# ---- lock files


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_file_holds_pinned_packages_with_hashes_and_nothing_else(name: str) -> None:
    pins = locked((REPOSITORY / name).read_text("utf-8"))
    assert len(pins) > 20
    assert [package for package, (_, hashes) in pins.items() if hashes == 0] == []


@pytest.mark.parametrize(
    "text",
    [
        "--index-url https://example.com/simple\nidna==3.20",
        "-e .",
        "idna>=3.20",
        "idna @ https://example.com/idna.whl",
        "idna==3.20 --hash=md5:0123",
    ],
)
def test_the_reader_of_lock_files_refuses_what_is_not_pinned(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(text.splitlines()[0])):
        locked(text)


def test_the_reader_of_lock_files_counts_hashes() -> None:
    text = f"# made by\nidna==3.20 ; python_version > '3' \\\n    --hash=sha256:{'0' * 64}\n    # via x\nrich==1.0"
    assert locked(text) == {"idna": ("3.20", 1), "rich": ("1.0", 0)}


def test_the_lock_files_agree_with_each_other() -> None:
    service, demo, develop, client = (locked_versions(name) for name in LOCKS)
    assert service.items() <= demo.items() <= develop.items()
    assert client.items() <= develop.items()


def test_the_lock_files_hold_all_that_is_declared_within_its_range() -> None:
    root, client = (project(path) for path in PROJECT_FILES)
    groups = root["dependency-groups"]
    wanted = {
        "requirements.lock": root["project"]["dependencies"],
        "requirements-demo.lock": client["project"]["dependencies"] + groups["build"],
        "requirements-dev.lock": groups["dev"],
        "requirements-loop-client.lock": client["project"]["dependencies"]
        + [wish for extra in EXTRAS for wish in client["project"]["optional-dependencies"][extra]],
    }
    stale = [
        f"{name}: {requirement}"
        for name, requirements in wanted.items()
        for requirement in map(Requirement, requirements)
        if not requirement.specifier.contains(locked_versions(name).get(requirement.name, "0"))
    ]
    assert stale == [], "run `make lock`"


def test_the_locks_of_the_services_bring_no_tool_for_building_or_testing_and_nothing_of_each_other() -> None:
    tools = {"hatchling", "mypy", "pytest", "ruff"}
    assert locked_versions("requirements.lock").keys().isdisjoint({*tools, "dbos", "mcp", "rich"})
    client = {"aiohttp", "anthropic", "fastapi", "google-genai", "openai"}
    assert locked_versions("requirements-loop-client.lock").keys().isdisjoint({*tools, *client})


# ---- distributions


@pytest.mark.parametrize(
    ("folder", "packages", "command"),
    [(".", {"router", "providers"}, "ai-router"), ("loop_client", {"loop_client"}, "loop-client")],
    ids=["service", "client"],
)
def test_a_wheel_holds_its_own_packages_whole(folder: str, packages: set[str], command: str, tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=REPOSITORY / folder, check=True, capture_output=True, timeout=50)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if ".dist-info/" not in name]
        (entry_points,) = (name for name in archive.namelist() if name.endswith(".dist-info/entry_points.txt"))
        assert f"{command} = " in archive.read(entry_points).decode()
    shipped = {
        path.relative_to(REPOSITORY).as_posix()
        for path in repository_files()
        if path.relative_to(REPOSITORY).parts[0] in packages and path.name not in {"pyproject.toml", "README.md"}
    }
    assert {f"{package}/py.typed" for package in packages} <= set(names)
    assert {name for name in names if not name.endswith("README.md")} == shipped


# ---- commands


@cache
def make_targets() -> dict[str, str]:
    """The targets of the Makefile that say what they do, with what they say."""
    makefile = (REPOSITORY / "Makefile").read_text("utf-8")
    return dict(re.findall(r"^([a-z-]+):.*?## (.+)$", makefile, re.MULTILINE))


def test_every_make_command_of_the_readme_exists() -> None:
    readme = (REPOSITORY / "README.md").read_text("utf-8")
    named = set(re.findall(r"(?:`|^\s*\$? ?)make ([a-z-]+)", readme, re.MULTILINE))
    assert {"demo", "test"} <= named
    assert named <= make_targets().keys()


def test_make_lists_every_command_it_has() -> None:
    makefile = (REPOSITORY / "Makefile").read_text("utf-8")
    phony = re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    assert phony is not None
    assert set(phony[1].split()) == make_targets().keys()


def test_continuous_integration_runs_the_linter_the_type_checker_and_the_suite() -> None:
    script = (REPOSITORY / ".ci" / "run").read_text("utf-8")
    called = re.findall(r"^(?:exec )?make ([a-z ]+?) </dev/null$", script, re.MULTILINE)
    assert " ".join(called).split() == ["lint", "types", "test"]


def test_the_image_is_built_only_from_files_that_reach_the_builder() -> None:
    dockerfile = (REPOSITORY / "Dockerfile").read_text("utf-8")
    ignore = (REPOSITORY / ".dockerignore").read_text("utf-8").splitlines()
    let_in = {line[1:].rstrip("/") for line in ignore if line.startswith("!")}
    copied = {
        source.rstrip("/")
        for line in re.findall(r"^COPY (?!--from)(.+)$", dockerfile, re.MULTILINE)
        for source in line.split()[:-1]
    }
    assert "*" in ignore
    assert copied == let_in
    assert [name for name in sorted(copied) if not (REPOSITORY / name).exists()] == []
