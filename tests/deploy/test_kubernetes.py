"""``deploy/kubernetes``: valid, held together by names that exist, and within the restricted pod security standard."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml

from tests.deploy.files import KUBERNETES, Object, kustomization, manifests, of_kind, pods

OLDEST = "1.30"
"""The first version whose preStop can sleep by itself."""
NAME = "app.kubernetes.io/name"


def called(manifest: Object) -> str:
    return f"{manifest['kind']}/{manifest['metadata']['name']}"


def label_of(pod_selector: Mapping[str, object]) -> set[str]:
    """The names that a selector of ours selects."""
    match pod_selector:
        case {"matchLabels": {"app.kubernetes.io/name": str(name)}}:
            return {name}
        case {"matchExpressions": [{"key": "app.kubernetes.io/name", "operator": "In", "values": list(names)}]}:
            return set(names)
        case {}:
            return set(pods())
        case _:
            raise AssertionError(f"a selector of another kind: {pod_selector}")


def ports_of(name: str) -> dict[str, int]:
    """The named ports of a pod."""
    return {port["name"]: port["containerPort"] for port in container(name)["ports"]}


def container(name: str) -> Object:
    """The only container of a pod."""
    (only,) = pods()[name]["containers"]
    return dict(only)


@pytest.mark.parametrize("version", [OLDEST, kubernetes_validate.latest_version()])
@pytest.mark.parametrize("manifest", manifests(), ids=called)
def test_a_manifest_is_valid(manifest: Object, version: str) -> None:
    kubernetes_validate.validate(manifest, version, strict=True)


def test_the_validator_finds_a_misspelt_field() -> None:
    manifest = {**of_kind("Service")["router"], "spec": {"ports": [], "selectr": {}}}
    with pytest.raises(kubernetes_validate.ValidationError, match="selectr"):
        kubernetes_validate.validate(manifest, OLDEST, strict=True)


def test_every_file_is_applied_but_the_example_of_secrets() -> None:
    listed = set(kustomization()["resources"]) | {"kustomization.yaml", "secrets.example.yaml"}
    assert listed - {"../config"} == {file.name for file in KUBERNETES.iterdir()}


def test_configuration_and_secrets_that_pods_ask_for_exist() -> None:
    generated = yaml.safe_load((KUBERNETES.parent / "config" / "kustomization.yaml").read_text("utf-8"))
    files = {entry["name"]: entry["files"] for entry in generated["configMapGenerator"]}
    assert all((KUBERNETES.parent / "config" / file).is_file() for names in files.values() for file in names)
    for name, pod in pods().items():
        mounted = {volume["configMap"]["name"] for volume in pod["volumes"] if "configMap" in volume}
        assert mounted <= files.keys(), name
        secrets = {source["secretRef"]["name"] for source in container(name)["envFrom"]}
        assert secrets <= of_kind("Secret").keys(), name
        assert all(name.startswith(secret) for secret in secrets)


def test_images_are_those_that_the_kustomization_names_or_have_a_version() -> None:
    named = {image["name"] for image in kustomization()["images"]}
    used = {container(name)["image"] for name in pods()}
    assert named <= used
    assert all(":" in image for image in used - named)


def test_everything_selects_pods_that_exist_by_ports_that_they_have() -> None:
    for name, service in of_kind("Service").items():
        assert service["spec"]["selector"] == {NAME: name}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports_of(name).keys()
    for kind in ("Deployment", "StatefulSet"):
        for name, manifest in of_kind(kind).items():
            labels = {NAME: name}
            assert manifest["spec"]["selector"]["matchLabels"] == labels == manifest["metadata"]["labels"]
            assert manifest["spec"]["template"]["metadata"]["labels"] == labels
    for name, budget in of_kind("PodDisruptionBudget").items():
        assert label_of(budget["spec"]["selector"]) == {name}
    for scaler in of_kind("HorizontalPodAutoscaler").values():
        target = of_kind("Deployment")[scaler["spec"]["scaleTargetRef"]["name"]]
        assert "replicas" not in target["spec"]


def test_every_pod_that_is_no_database_may_lose_one_at_a_time() -> None:
    assert of_kind("PodDisruptionBudget").keys() == of_kind("Deployment").keys()


def test_network_policies_name_pods_and_ports_that_exist() -> None:
    for policy in of_kind("NetworkPolicy").values():
        spec = policy["spec"]
        selected = label_of(spec["podSelector"])
        assert selected <= pods().keys()
        for rule in spec.get("ingress", []):
            check_ports(rule, selected)
            peers_of(rule["from"])
        for rule in spec.get("egress", []):
            check_ports(rule, peers_of(rule["to"]))


def peers_of(peers: list[Object]) -> set[str]:
    names = set().union(*(label_of(peer["podSelector"]) for peer in peers if "podSelector" in peer))
    assert names <= pods().keys()
    return names


def check_ports(rule: Object, pods_of_ours: set[str]) -> None:
    named = {port["port"] for port in rule["ports"] if isinstance(port["port"], str)}
    assert all(named <= ports_of(name).keys() for name in pods_of_ours)


def test_nothing_passes_that_no_policy_lets_through() -> None:
    denied = of_kind("NetworkPolicy")["nothing-else"]["spec"]
    assert denied == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_the_ingress_leads_to_ports_of_services() -> None:
    for backend in (path["backend"]["service"] for path in ingress_paths()):
        ports = of_kind("Service")[backend["name"]]["spec"]["ports"]
        assert backend["port"]["name"] in {port["name"] for port in ports}


def ingress_paths() -> Iterator[Object]:
    for ingress in of_kind("Ingress").values():
        for rule in ingress["spec"]["rules"]:
            yield from rule["http"]["paths"]


@pytest.mark.parametrize("name", pods())
def test_a_pod_keeps_the_restricted_standard_and_has_its_bounds(name: str) -> None:
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted"""
    pod, only = pods()[name], container(name)
    assert not pod.keys() & {"hostNetwork", "hostPID", "hostIPC", "initContainers"}
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    allowed = {"configMap", "emptyDir", "secret", "persistentVolumeClaim"}
    assert all(volume.keys() - {"name"} <= allowed for volume in pod["volumes"])
    assert only["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert "hostPort" not in str(only["ports"])
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    assert only["resources"]["requests"].keys() == {"cpu", "memory"}
    assert "memory" in only["resources"]["limits"]


def test_the_namespace_holds_pods_to_that_standard() -> None:
    labels = of_kind("Namespace")["ai-router"]["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    assert kustomization()["namespace"] == "ai-router"


def test_a_rollout_never_has_fewer_than_before() -> None:
    for name, manifest in of_kind("Deployment").items():
        assert manifest["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0, name
