"""The manifests are what Kubernetes accepts, and agree with the image and with the settings."""

import tomllib
from copy import deepcopy
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from test_deploy import arguments

from stream_app.settings import PREFIX, Settings

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
KUSTOMIZATION = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
MANIFESTS: list[dict[str, Any]] = [
    manifest
    for name in KUSTOMIZATION["resources"]
    for manifest in yaml.safe_load_all((FOLDER / name).read_text())
]
VERSIONS = ("1.30", kubernetes_validate.latest_version())
"""Of Kubernetes: one that is still about, and the newest that the validator knows."""


def of(kind: str) -> dict[str, Any]:
    """Return the one manifest of a kind."""
    (found,) = (one for one in MANIFESTS if one["kind"] == kind)
    return found


@pytest.fixture
def worker() -> Settings:
    """Return a worker's settings as its pod gives them: the image's environment, and the map's."""
    image = dict(pair.split("=", 1) for pairs in arguments("ENV") for pair in pairs)
    both = image | of("ConfigMap")["data"]
    ours = {name: value for name, value in both.items() if name.startswith(PREFIX)}
    return Settings(**{name.removeprefix(PREFIX).lower(): value for name, value in ours.items()})


@pytest.fixture
def pod() -> dict[str, Any]:
    spec: dict[str, Any] = of("StatefulSet")["spec"]["template"]["spec"]
    return spec


@pytest.fixture
def container(pod: dict[str, Any]) -> dict[str, Any]:
    (only,) = pod["containers"]
    return dict(only)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda manifest: manifest["kind"])
def test_kubernetes_accepts_a_manifest(manifest: dict[str, Any], version: str) -> None:
    kubernetes_validate.validate(manifest, version, strict=True)


def test_what_kubernetes_refuses_is_found() -> None:
    broken = deepcopy(of("StatefulSet"))
    broken["spec"]["template"]["spec"]["terminationGracePeriod"] = 45
    with pytest.raises(kubernetes_validate.ValidationError, match="terminationGracePeriod"):
        kubernetes_validate.validate(broken, VERSIONS[0], strict=True)


def test_every_manifest_is_applied() -> None:
    files = {path.name for path in FOLDER.glob("*.yaml")} - {"kustomization.yaml"}
    assert files == set(KUSTOMIZATION["resources"])


def test_the_image_is_that_of_this_version(container: dict[str, Any]) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert KUSTOMIZATION["images"] == [{"name": container["image"], "newTag": version}]


def test_there_are_no_more_workers_than_partitions(worker: Settings) -> None:
    assert 1 < of("StatefulSet")["spec"]["replicas"] <= worker.partitions


def test_the_end_of_a_pod_lets_a_commit_end(pod: dict[str, Any], worker: Settings) -> None:
    assert pod["terminationGracePeriodSeconds"] > worker.commit_timeout
    assert "lifecycle" not in pod["containers"][0]


def test_it_is_asked_where_it_answers(container: dict[str, Any], worker: Settings) -> None:
    (port,) = container["ports"]
    (service,) = of("Service")["spec"]["ports"]
    scraped = of("StatefulSet")["spec"]["template"]["metadata"]["annotations"]
    assert {port["containerPort"], service["port"]} == {worker.web_port}
    assert scraped["prometheus.io/port"] == str(worker.web_port)
    assert worker.web_host == "0.0.0.0"
    paths = {name: container[f"{name}Probe"]["httpGet"] for name in ("liveness", "readiness")}
    assert paths == {
        "liveness": {"path": "/healthz", "port": port["name"]},
        "readiness": {"path": "/readyz", "port": port["name"]},
    }


def test_each_worker_keeps_its_state_on_a_volume_of_its_own(
    container: dict[str, Any], worker: Settings
) -> None:
    (claim,) = of("StatefulSet")["spec"]["volumeClaimTemplates"]
    mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    assert mounts[str(worker.data_dir)] == claim["metadata"]["name"]
    assert claim["spec"]["accessModes"] == ["ReadWriteOnce"]


def test_it_has_no_rights_that_the_image_does_not_need(
    pod: dict[str, Any], container: dict[str, Any]
) -> None:
    (made,) = (run for run in arguments("RUN") if run[0] == "useradd")
    assert pod["securityContext"]["runAsUser"] == int(made[made.index("--uid") + 1])
    assert pod["securityContext"]["runAsNonRoot"]
    assert not pod["automountServiceAccountToken"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_all_select_the_same_pods() -> None:
    labels = of("StatefulSet")["spec"]["template"]["metadata"]["labels"]
    selectors = [
        of("Service")["spec"]["selector"],
        of("StatefulSet")["spec"]["selector"]["matchLabels"],
        of("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
    ]
    assert selectors == [labels] * 3
    assert of("StatefulSet")["spec"]["serviceName"] == of("Service")["metadata"]["name"]
