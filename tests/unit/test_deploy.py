"""What can be known of the containers without an engine that runs them."""

import os
import re
import shlex
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from stream_app.broker.jars import KAFKA_VERSION
from stream_app.broker.server import PROPERTIES
from stream_app.cli import main
from stream_app.settings import Settings

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = {
    name: service for name, service in COMPOSE["services"].items() if "profiles" not in service
}
DEMO: dict[str, Any] = COMPOSE["services"]["demo"]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PREFIX = "STREAM_APP_"
WORKERS = [name for name in SERVICES if name.startswith("worker")]


def dockerfile() -> list[list[str]]:
    """Return the instructions of the Dockerfile, split as a shell would."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    return [shlex.split(line) for line in text.splitlines() if line]


def arguments(instruction: str) -> list[list[str]]:
    return [rest for name, *rest in dockerfile() if name == instruction]


def worker_environment() -> dict[str, str]:
    """Return what the worker's process sees: the image's environment, then the service's."""
    image = dict(pair.split("=", 1) for pairs in arguments("ENV") for pair in pairs)
    both: dict[str, str] = image | SERVICES["worker"]["environment"]
    return {name: value for name, value in both.items() if name.startswith(PREFIX)}


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name in os.environ:
        if name.startswith(PREFIX):
            monkeypatch.delenv(name)
    for name, value in worker_environment().items():
        monkeypatch.setenv(name, value)
    return Settings()


def test_every_variable_of_the_worker_is_a_setting(worker: Settings) -> None:
    names = {name.removeprefix(PREFIX).lower() for name in worker_environment()}
    assert names
    assert names <= worker.model_dump().keys()


def test_workers_differ_in_their_port_and_their_folder_alone() -> None:
    own = {"ports", "volumes", "build"}
    first, second = (
        {key: value for key, value in SERVICES[name].items() if key not in own} for name in WORKERS
    )
    assert first == second
    built = [name for name, service in SERVICES.items() if "build" in service]
    assert built == WORKERS[:1], "an image that two services build is built by both at once"


def test_the_demo_plays_where_the_workers_are() -> None:
    assert DEMO["image"] == SERVICES["worker"]["image"]
    assert DEMO["environment"].items() <= SERVICES["worker"]["environment"].items()
    assert set(DEMO["depends_on"]) == set(WORKERS)
    said = CliRunner().invoke(main, [*DEMO["command"], "--methods", "none"]).output
    assert "--methods" in said, "all other options are right"


def test_images_are_pinned_and_kafka_is_the_embedded_one() -> None:
    images = [service["image"] for service in SERVICES.values()]
    images += [image for image, *_ in arguments("FROM")]
    for image in images:
        assert re.fullmatch(r"[a-z/-]+:v?\d+\.\d+\.\d+(-[a-z-]+)?", image), image
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{KAFKA_VERSION}"
    assert SERVICES["worker"]["image"].endswith(f":{PYPROJECT['project']['version']}")


def test_kafka_has_the_properties_of_the_embedded_one() -> None:
    environment = {f"KAFKA_{name.upper().replace('.', '_')}": v for name, v in PROPERTIES.items()}
    assert environment.items() <= SERVICES["kafka"]["environment"].items()


def test_clients_inside_and_outside_find_kafka(worker: Settings) -> None:
    advertised = SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    addresses = {listener.split("://")[1] for listener in advertised.split(",")}
    outside = Settings.model_fields["bootstrap_servers"].default
    assert addresses == {worker.bootstrap_servers, outside}
    assert SERVICES["kafka"]["ports"] == [f"{outside}:{outside.split(':')[1]}"]


def test_every_port_is_published_on_this_machine_alone() -> None:
    for service in SERVICES.values():
        for port in service["ports"]:
            assert port.startswith("127.0.0.1:")
    ports = [port for service in SERVICES.values() for port in service["ports"]]
    assert len({port.split(":")[1] for port in ports}) == len(ports)


def test_the_workers_port_is_the_same_everywhere(worker: Settings) -> None:
    port = str(worker.web_port)
    prometheus = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
    (scrape,) = prometheus["scrape_configs"]
    assert worker.web_host == "0.0.0.0"
    assert scrape["static_configs"] == [{"targets": [f"{name}:{port}" for name in WORKERS]}]
    assert arguments("EXPOSE") == [[port]]
    assert SERVICES["worker"]["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert all(SERVICES[name]["ports"][0].endswith(f":{port}") for name in WORKERS)
    assert f":{port}/readyz" in SERVICES["worker"]["healthcheck"]["test"][-1]


def test_grafana_reads_from_prometheus() -> None:
    provisioned = yaml.safe_load((ROOT / "deploy/grafana/datasources.yml").read_text())
    (source,) = provisioned["datasources"]
    port = SERVICES["prometheus"]["ports"][0].split(":")[-1]
    assert source["type"] == "prometheus"
    assert source["url"] == f"http://prometheus:{port}"


def test_every_service_has_a_health_check_at_a_port_of_its_own() -> None:
    for service in SERVICES.values():
        check = service["healthcheck"]
        port = service["ports"][0].split(":")[-1]
        assert check["test"][0] == "CMD"
        assert f"127.0.0.1:{port}" in check["test"][-1]
        assert {"interval", "timeout", "retries"} <= check.keys()


def test_every_volume_is_declared_or_a_file_of_ours(worker: Settings) -> None:
    mounts = [mount.split(":") for service in SERVICES.values() for mount in service["volumes"]]
    named = {source for source, *_ in mounts if not source.startswith(".")}
    assert named == COMPOSE["volumes"].keys()
    assert all((ROOT / source).exists() for source, *_ in mounts if source.startswith("."))
    assert [SERVICES[name]["volumes"] for name in WORKERS] == [
        [f"{name}:{worker.data_dir}"] for name in WORKERS
    ]
    assert arguments("VOLUME") == [[str(worker.data_dir)]]


@pytest.fixture
def web(request: pytest.FixtureRequest) -> Iterator[int]:
    """Serve /readyz with the status that the test asks for, and return the port."""

    class Web(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(request.param if self.path == "/readyz" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Web) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("web", "healthy"), [(200, True), (503, False)], indirect=["web"])
def test_the_workers_health_check_is_its_readiness(
    web: int, healthy: bool, worker: Settings
) -> None:
    _, program, *options, script = SERVICES["worker"]["healthcheck"]["test"]
    assert (program, options) == ("python", ["-c"])
    script = script.replace(f":{worker.web_port}/", f":{web}/")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert (done.returncode == 0) == healthy


def test_the_image_runs_the_worker_as_a_user_without_rights() -> None:
    assert arguments("USER") == [["worker"]]
    (made,) = (run for run in arguments("RUN") if run[0] == "useradd")
    assert int(made[made.index("--uid") + 1]) >= 1000
    assert not {"user", "privileged", "cap_add"} & SERVICES["worker"].keys()
    (entrypoint,), (command,) = arguments("ENTRYPOINT"), arguments("CMD")
    assert entrypoint[0].strip("[]") in PYPROJECT["project"]["scripts"]
    assert command == ["[worker]"]


def test_the_image_installs_what_is_locked_and_nothing_else() -> None:
    installs = [run for run in arguments("RUN") if "install" in run and run[0].endswith("pip")]
    assert [{"--require-hashes", "--no-deps"} & set(run) for run in installs] == [
        {"--require-hashes", "--no-deps"},
        {"--no-deps"},
    ]


def test_all_that_the_image_is_built_from_is_in_its_context() -> None:
    let_through = [
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    ]
    copied = [
        source
        for copy in arguments("COPY")
        if not copy[0].startswith("--from")
        for source in copy[:-1]
    ]
    packages = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert sorted(copied) == sorted(let_through)
    assert set(packages) <= set(copied)
    assert all((ROOT / source).exists() for source in copied)
