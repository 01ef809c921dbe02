"""The files of deploy/: what their own checkers say of them, and whether they agree with the service."""

from __future__ import annotations

import configparser
import copy
import http.server
import re
import shlex
import subprocess
import sys
import threading
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

import programs
from rubriek.cli import main
from rubriek.server.answering import Timing

DEPLOY = Path(__file__).parents[1] / "deploy"
PORT = 8000
KUBERNETES = "1.31"
"""Older clusters know no more than this; newer ones still know all of it."""
MOST_EXPOSED = 2.0
"""systemd-analyze's level of exposure, from 0 to 10; a unit without any hardening has 9.6."""


def read(name: str) -> str:
    return (DEPLOY / name).read_text(encoding="utf-8")


def run(*command: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(part) for part in command], capture_output=True, text=True)


def program(name: str) -> Path:
    """A program that pip installed beside this Python."""
    return Path(sys.executable).with_name(name)


def spoilt(tmp_path: Path, name: str, old: str, new: str) -> Path:
    """A copy of a file with one thing changed, which its checker has to find."""
    assert old in read(name)
    file = tmp_path / name
    file.write_text(read(name).replace(old, new, 1), encoding="utf-8")
    return file


def settings(words: list[str]) -> dict[str, object]:
    """What the command line takes a ``rubriek serve ...`` for; fails where it knows an option not."""
    assert words[0] == "serve"
    command = main.commands["serve"]
    return command.make_context("serve", words[1:]).params


# Dockerfile


def test_hadolint_finds_nothing():
    done = run(program("hadolint"), DEPLOY / "Dockerfile")
    assert (done.stdout, done.returncode) == ("", 0)


def test_hadolint_would_find_something(tmp_path):
    done = run(program("hadolint"), spoilt(tmp_path, "Dockerfile", "python:3.12-slim AS build", "python"))
    assert "DL3006" in done.stdout
    assert done.returncode != 0


def instructions() -> list[tuple[str, str]]:
    """Instructions of the Dockerfile's last stage, continued lines joined."""
    text = re.sub(r"^#.*\n", "", read("Dockerfile"), flags=re.MULTILINE).replace("\\\n", " ")
    found = [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in text.splitlines() if line]
    last = max(place for place, (name, _) in enumerate(found) if name == "FROM")
    return found[last:]


def test_the_image_runs_as_a_number_that_is_not_root_and_serves_on_its_port():
    found = dict(instructions())
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", found["USER"])
    assert found["EXPOSE"] == str(PORT)
    assert found["ENTRYPOINT"] == '["rubriek"]'
    asked = settings(yaml.safe_load(found["CMD"]))
    assert (asked["host"], asked["port"]) == ("0.0.0.0", PORT)
    assert f"http://127.0.0.1:{PORT}/health/ready" in found["HEALTHCHECK"]


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False)])
def test_the_health_check_knows_a_ready_service(status, healthy):
    class Ready(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status if self.path == "/health/ready" else 404)
            self.end_headers()

        def log_message(self, *_):
            pass

    words = yaml.safe_load(dict(instructions())["HEALTHCHECK"].split(" CMD ")[1])
    assert words[:2] == ["python", "-c"]
    with http.server.HTTPServer(("127.0.0.1", 0), Ready) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        done = run(sys.executable, "-c", words[2].replace(f":{PORT}/", f":{server.server_port}/"))
        server.shutdown()
    assert (done.returncode == 0) is healthy, done.stderr


def test_the_image_gets_what_it_copies_and_nothing_else():
    copied = {
        word
        for line in re.findall(r"^COPY (?!--from)(.+)$", read("Dockerfile"), flags=re.MULTILINE)
        for word in line.split()[:-1]
    }
    ignore = read("Dockerfile.dockerignore").splitlines()
    assert ignore[1] == "*"
    assert {line[1:] for line in ignore if line.startswith("!")} == copied
    assert all((DEPLOY.parent / name).exists() for name in copied)


# compose.yaml and prometheus.yml


def validate_compose(file: Path) -> subprocess.CompletedProcess[str]:
    return run(program("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", file)


def test_the_compose_file_is_one():
    done = validate_compose(DEPLOY / "compose.yaml")
    assert done.returncode == 0, done.stdout


def test_a_spoilt_compose_file_is_found(tmp_path):
    done = validate_compose(spoilt(tmp_path, "compose.yaml", "restart: unless-stopped", "restarts: never"))
    assert "restarts" in done.stdout
    assert done.returncode != 0


def test_compose_publishes_on_loopback_only_and_leaves_time_to_drain():
    services = yaml.safe_load(read("compose.yaml"))["services"]
    assert {port.rsplit(":", 1)[0].split(":")[0] for one in services.values() for port in one["ports"]} == {
        "127.0.0.1"
    }
    assert all(one["read_only"] and one["cap_drop"] == ["ALL"] for one in services.values())
    assert services["rubriek"]["ports"] == [f"127.0.0.1:{PORT}:{PORT}"]
    assert int(services["rubriek"]["stop_grace_period"].removesuffix("s")) > drain_seconds()
    assert (DEPLOY / services["rubriek"]["build"]["context"]).resolve() == DEPLOY.parent
    assert (DEPLOY.parent / services["rubriek"]["build"]["dockerfile"]).exists()


def test_prometheus_scrapes_what_compose_starts():
    compose, config = yaml.safe_load(read("compose.yaml")), yaml.safe_load(read("prometheus.yml"))
    assert set(config) == {"global", "scrape_configs"}
    (job,) = config["scrape_configs"]
    assert set(job) == {"job_name", "metrics_path", "static_configs"}
    assert job["static_configs"] == [{"targets": [f"rubriek:{PORT}"]}]
    assert job["metrics_path"] == "/metrics"
    assert "rubriek" in compose["services"]
    mounts = [volume.split(":") for volume in compose["services"]["prometheus"]["volumes"]]
    assert ["./prometheus.yml", "/etc/prometheus/prometheus.yml", "ro"] in mounts


def drain_seconds() -> float:
    """How long the service may take to end: requests that were taken on are answered."""
    from rubriek.server.limits import Limits
    from rubriek.server.running import DRAIN_SECONDS
    from rubriek.server.sockets import MAX_LAST_SECONDS

    limits = Limits()
    return DRAIN_SECONDS + MAX_LAST_SECONDS + limits.timeout + limits.body_timeout


# kubernetes.yaml


def manifests() -> dict[str, dict]:
    return {one["kind"]: one for one in yaml.safe_load_all(read("kubernetes.yaml"))}


def test_kubernetes_knows_every_field():
    found = manifests()
    assert set(found) == {"Deployment", "Service", "PodDisruptionBudget"}
    for manifest in found.values():
        kubernetes_validate.validate(manifest, KUBERNETES, strict=True)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda pod: pod["containers"][0].update(readOnlyRootFilesystem=True),  # at the wrong place
        lambda pod: pod["containers"][0]["ports"][0].update(containerPort="http"),
        lambda pod: pod.pop("containers"),
    ],
)
def test_a_spoilt_manifest_is_found(spoil):
    manifest = copy.deepcopy(manifests()["Deployment"])
    spoil(manifest["spec"]["template"]["spec"])
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(manifest, KUBERNETES, strict=True)


def test_the_pod_is_locked_down_and_limited():
    pod = manifests()["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["runAsUser"] == int(dict(instructions())["USER"].split(":")[0])
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert set(container["resources"]["limits"]) == {"cpu", "memory"}


def test_the_pod_ends_after_prestop_and_drain():
    pod = manifests()["Deployment"]["spec"]["template"]["spec"]
    name, seconds = pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
    assert name == "sleep"
    assert pod["terminationGracePeriodSeconds"] > int(seconds) + drain_seconds()


def test_selectors_and_ports_fit_together():
    found = manifests()
    pod = found["Deployment"]["spec"]["template"]
    labels = pod["metadata"]["labels"]
    for selector in (
        found["Deployment"]["spec"]["selector"]["matchLabels"],
        found["Service"]["spec"]["selector"],
        found["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
    ):
        assert selector.items() <= labels.items()
    (container,) = pod["spec"]["containers"]
    (port,) = container["ports"]
    asked = settings(container["args"])
    assert (asked["host"], asked["port"]) == ("0.0.0.0", port["containerPort"])
    assert found["Service"]["spec"]["ports"][0]["targetPort"] == port["name"]
    assert pod["metadata"]["annotations"]["prometheus.io/port"] == str(PORT) == str(port["containerPort"])
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pod["spec"]["volumes"]}


def test_every_path_that_is_asked_for_is_one_that_the_service_answers():
    pod = manifests()["Deployment"]["spec"]["template"]
    container = pod["spec"]["containers"][0]
    probes = [container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "readiness", "liveness")]
    assert probes == ["/health/ready", "/health/ready", "/health/live"]
    paths = {*probes, pod["metadata"]["annotations"]["prometheus.io/path"]}
    assert paths <= served_paths()


def served_paths() -> set[str]:
    from rubriek.server import create_app

    return {route.path for route in create_app([]).routes}


def test_the_documentation_names_metrics_that_there_are():
    from rubriek.server.metrics import Metrics

    page = (DEPLOY.parent / "docs" / "deploy.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\brubriek_\w+", page))
    metrics = Metrics()
    metrics.answered("/predict", 200, 0.1)
    metrics.of_model("nl-news").waiting(1)
    metrics.of_model("nl-news").classified(Timing())
    text = metrics.exposition().decode()
    assert len(named) >= 4
    assert {name for name in named if not re.search(rf"^{name}\b", text, flags=re.MULTILINE)} == set()


# rubriek.service


@pytest.fixture
def systemd_analyze() -> str:
    return programs.require_systemd_analyze()


def installed_unit(folder: Path) -> Path:
    """The unit as it is after installation: systemd wants to see the program that it names."""
    return spoilt(folder, "rubriek.service", "/opt/rubriek/bin/rubriek", str(program("rubriek")))


def test_systemd_finds_nothing(tmp_path, systemd_analyze):
    done = run(systemd_analyze, "verify", "--man=no", installed_unit(tmp_path))
    assert (done.stderr, done.returncode) == ("", 0)


def test_systemd_would_find_something(tmp_path, systemd_analyze):
    unit = installed_unit(tmp_path)
    unit.write_text(unit.read_text().replace("ProtectHome=yes", "ProtectsHome=yes"))
    done = run(systemd_analyze, "verify", "--man=no", unit)
    assert "ProtectsHome" in done.stderr


def test_the_unit_is_hardened(systemd_analyze):
    threshold = f"--threshold={round(MOST_EXPOSED * 10)}"
    done = run(systemd_analyze, "security", "--offline=true", threshold, DEPLOY / "rubriek.service")
    assert done.returncode == 0, done.stdout


def test_a_unit_that_is_not_hardened_is_found(tmp_path, systemd_analyze):
    file = tmp_path / "rubriek.service"
    lines = read("rubriek.service").splitlines()
    file.write_text(
        "\n".join(line for line in lines if not line.startswith(("Protect", "System", "Restrict")))
    )
    threshold = f"--threshold={round(MOST_EXPOSED * 10)}"
    assert run(systemd_analyze, "security", "--offline=true", threshold, file).returncode != 0


def test_the_unit_starts_what_there_is_on_loopback_and_leaves_time_to_drain():
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment]
    unit.read_string(read("rubriek.service"))
    words = shlex.split(unit["Service"]["ExecStart"])
    assert words[0] == "/opt/rubriek/bin/rubriek"
    asked = settings(words[1:])
    assert (asked["host"], asked["port"]) == ("127.0.0.1", PORT)
    assert int(unit["Service"]["TimeoutStopSec"]) > drain_seconds()
    assert int(unit["Service"]["CPUQuota"].removesuffix("%")) % 100 == 0


# All


def test_nothing_is_pulled_from_a_registry_by_its_host():
    images = [
        *re.findall(r"^FROM (\S+)", read("Dockerfile"), flags=re.MULTILINE),
        *(one["image"] for one in yaml.safe_load(read("compose.yaml"))["services"].values()),
        manifests()["Deployment"]["spec"]["template"]["spec"]["containers"][0]["image"],
    ]
    assert images == [
        "python:3.12-slim",
        "python:3.12-slim",
        "rubriek",
        "prom/prometheus:v3.5.0",
        "rubriek:latest",
    ]
