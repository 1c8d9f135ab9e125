"""The files under ``deploy/`` as values."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
DEPLOY = REPOSITORY / "deploy"
COMPOSE = DEPLOY / "compose.yaml"
KUBERNETES = DEPLOY / "kubernetes"
HAPROXY = DEPLOY / "haproxy.cfg"

Object = dict[str, Any]


@cache
def compose() -> Object:
    """The Compose file, with its anchors resolved and nothing else."""
    content: Object = yaml.safe_load(COMPOSE.read_text("utf-8"))
    return content


@cache
def manifests() -> tuple[Object, ...]:
    """Every Kubernetes object that the kustomization lists, and the secrets of the example."""
    listed = [KUBERNETES / name for name in kustomization()["resources"] if name.endswith(".yaml")]
    return tuple(
        manifest
        for file in [*listed, KUBERNETES / "secrets.example.yaml"]
        for manifest in yaml.safe_load_all(file.read_text("utf-8"))
    )


def kustomization() -> Object:
    """What is applied."""
    content: Object = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text("utf-8"))
    return content


def of_kind(kind: str) -> dict[str, Object]:
    """The manifests of a kind, by name."""
    return {manifest["metadata"]["name"]: manifest for manifest in manifests() if manifest["kind"] == kind}


def pods() -> dict[str, Object]:
    """The specification of every pod, by the name of what makes it."""
    return {
        name: manifest["spec"]["template"]["spec"]
        for kind in ("Deployment", "StatefulSet")
        for name, manifest in of_kind(kind).items()
    }


def new_secrets(folder: Path) -> dict[str, dict[str, str]]:
    """Make secrets as the documentation says; gives the variables of each file."""
    shell = shutil.which("sh")
    assert shell is not None
    subprocess.run([shell, str(DEPLOY / "new-secrets"), str(folder)], check=True, capture_output=True, timeout=20)
    return {file.stem: variables(file.read_text("utf-8")) for file in folder.glob("*.env")}


def variables(text: str) -> dict[str, str]:
    """A file of ``NAME=value`` lines."""
    return dict(line.split("=", 1) for line in text.splitlines() if line and not line.startswith("#"))
