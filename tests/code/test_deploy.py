"""deploy/ and prefect.yaml say what their tools take, and name what there is."""

import ast
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from components.core.workspace import Workspace
from flows import cli
from tests.conftest import HOUSE

DEPLOY = HOUSE / "deploy"
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
OF_KUBERNETES = "1.30"


def documents() -> list[dict[str, Any]]:
    return [document for path in MANIFESTS for document in yaml.safe_load_all(path.read_text(encoding="utf-8"))]


def containers() -> list[dict[str, Any]]:
    pods = [one["spec"]["template"]["spec"] for one in documents() if one["kind"] in ("Deployment", "Job")]
    return [container for pod in pods for container in pod["containers"]]


def job_manifest() -> dict[str, Any]:
    """The job of the work pool with the defaults of its variables in it, as Prefect's worker fills it."""
    template = json.loads((DEPLOY / "kubernetes" / "job-template.json").read_text(encoding="utf-8"))
    known = template["variables"]["properties"]
    given = {"name": "main-job", "command": ["prefect", "flow-run", "execute"], "env": [], "labels": {}}

    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: filled(of) for key, of in value.items()}
        if isinstance(value, list):
            return [filled(of) for of in value]
        named = re.findall(r"{{ (\w+) }}", value) if isinstance(value, str) else []
        if named == [] or value != f"{{{{ {named[0]} }}}}":
            return value.replace("{{ name }}", "main-job") if isinstance(value, str) else value
        assert named[0] in known, f"{named[0]} is no variable of the template"
        return given[named[0]] if named[0] in given else known[named[0]]["default"]

    manifest: dict[str, Any] = filled(template["job_configuration"]["job_manifest"])
    return manifest


@pytest.mark.parametrize("document", [*documents(), job_manifest()], ids=lambda one: f"{one['kind']}")
def test_manifests_are_what_kubernetes_takes(document: dict[str, Any]) -> None:
    validate = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed: `make setup`")
    validate.validate(document, OF_KUBERNETES, strict=True)


def test_a_manifest_with_a_fault_is_found() -> None:
    validate = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed: `make setup`")
    (service,) = [one for one in documents() if (one["kind"], one["metadata"]["name"]) == ("Service", "mlflow")]
    service["spec"]["prots"] = service["spec"].pop("ports")
    with pytest.raises(validate.ValidationError):
        validate.validate(service, OF_KUBERNETES, strict=True)


def test_services_find_their_pods_and_clients_their_services() -> None:
    pods = {one["metadata"]["name"]: one["spec"] for one in documents() if one["kind"] == "Deployment"}
    services = {one["metadata"]["name"]: one["spec"] for one in documents() if one["kind"] == "Service"}
    for name, service in services.items():
        labels = pods[name]["template"]["metadata"]["labels"]
        assert service["selector"].items() <= labels.items()
        ports = {port["containerPort"] for port in pods[name]["template"]["spec"]["containers"][0]["ports"]}
        assert {port.get("targetPort", port["port"]) for port in service["ports"]} <= ports
    text = "\n".join(path.read_text(encoding="utf-8") for path in MANIFESTS)
    for name, port in re.findall(r"(?:http|tcp)://([a-z-]+):(\d+)", text):
        assert int(port) in {one["port"] for one in services[name]["ports"]}, name


def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    return document


def test_compose_is_what_docker_takes() -> None:
    if subprocess.run(["sh", "-c", "docker compose version"], capture_output=True, check=False).returncode:
        pytest.skip("no docker with compose here")
    variables = dict.fromkeys(
        ("POSTGRES_PASSWORD", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "ASSAY_TOKENS"), "something"
    )
    subprocess.run(
        ["docker", "compose", "-f", str(DEPLOY / "compose.yaml"), "config", "-q"],
        env=os.environ | variables,
        check=True,
    )


def test_compose_starts_what_there_is_in_an_order_that_ends() -> None:
    services = compose()["services"]
    for name, service in services.items():
        wanted = service.get("depends_on", {})
        assert set(wanted) <= set(services) - {name}
        for other, how in wanted.items() if isinstance(wanted, dict) else ():
            assert how["condition"] != "service_healthy" or "healthcheck" in services[other], other
        for file in service.get("volumes", ()):
            source = file.partition(":")[0]
            assert (DEPLOY / source).is_file() if source.startswith("./") else source in compose()["volumes"]
    databases = re.findall(r"CREATE DATABASE (\w+)", (DEPLOY / "databases.sql").read_text(encoding="utf-8"))
    text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    assert set(re.findall(r"@postgresql/(\w+)", text)) == set(databases)


def test_every_command_of_assay_that_is_started_exists() -> None:
    exist = set(typer.main.get_group(cli.app).commands)
    started = [container.get("args", []) for container in containers()]
    started += [service.get("command", []) for service in compose()["services"].values()]
    ours = [command for command in started if command[:1] == ["assay"]]
    assert {command[1] for command in ours} == {"init", "serve"}
    assert {command[1] for command in ours} <= exist


def test_no_file_of_deploy_holds_a_password() -> None:
    for path in [*MANIFESTS, DEPLOY / "compose.yaml"]:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"://\w+:(?!\$\{)[^/@\s]+@", text), path.name
        assert not re.search(r"(?i)(password|secret_access_key|tokens): +[^\s$]", text), path.name


def test_deployments_of_prefect_yaml_are_flows_with_their_parameters() -> None:
    deployments = yaml.safe_load((HOUSE / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]
    assert {one["work_pool"]["name"] for one in deployments} == {"assay"}
    for one in deployments:
        file, _, name = one["entrypoint"].partition(":")
        tree = ast.parse((HOUSE / file).read_text(encoding="utf-8"))
        (flow,) = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name]
        assert any(isinstance(mark, ast.Call) and ast.unparse(mark.func) == "flow" for mark in flow.decorator_list)
        assert set(one["parameters"]) <= {argument.arg for argument in flow.args.args}
        assert one["parameters"]["problem"] in one["tags"]


def test_the_image_has_the_clone_where_it_says() -> None:
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    assert "WORKDIR /assay" in text
    assert "ASSAY_CLONE=/assay" in text
    assert "COPY --chown=assay . /assay" in text
    assert Path("/assay") in map(Path, re.findall(r"WORKDIR (\S+)", text))


def test_servers_of_the_image_report_to_nobody(tmp_path: Path) -> None:
    """They are started by commands of their own, which `assay` does not quieten."""
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    ours = Workspace(root=tmp_path, home=tmp_path / ".assay").environment()
    for name in ("MLFLOW_DISABLE_TELEMETRY", "PREFECT_SERVER_ANALYTICS_ENABLED", "DO_NOT_TRACK"):
        assert re.findall(rf"\b(?<!_){name}=(\S+)", text) == [ours[name]]
