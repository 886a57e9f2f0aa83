"""The files for a Ray cluster and for KubeRay say what Ray and this program understand."""

from pathlib import Path
from typing import Any

import pytest

from fovea.server.cluster import proxy
from fovea.server.cluster.options import Options

pytestmark = pytest.mark.filterwarnings("ignore")  # Ray's own warnings

HOSTING = Path(__file__).parents[3] / "examples" / "hosting"

POD_GROUP = {"rayStartParams", "template"}
FIELDS = {
    "spec": {"serveConfigV2", "rayClusterConfig", "serveService"},
    "rayClusterConfig": {
        "rayVersion", "enableInTreeAutoscaling", "autoscalerOptions", "headGroupSpec",
        "workerGroupSpecs",
    },
    "headGroupSpec": {"serviceType", *POD_GROUP},
    "worker": {"groupName", "replicas", "minReplicas", "maxReplicas", *POD_GROUP},
}  # fmt: skip
"""Of RayService, ray.io/v1, as far as such files need them; KubeRay's CRD refuses others."""


def read(name: str) -> dict[str, Any]:
    yaml = pytest.importorskip("yaml", reason="PyYAML comes with Ray: make test-apart")
    found: dict[str, Any] = yaml.safe_load((HOSTING / name).read_text())
    return found


def check(config: dict[str, Any]) -> None:
    """What `serve deploy` checks, and that the application takes its arguments."""
    schema = pytest.importorskip("ray.serve.schema", reason="Ray is not installed: make test-apart")
    (application,) = schema.ServeDeploySchema.model_validate(config).applications
    assert application.import_path == "fovea.server.cluster.ray_serve:application"
    from fovea.server.cluster import ray_serve

    assert callable(ray_serve.application)
    assert Options.of(application.args).most >= 1


def test_a_config_file() -> None:
    check(read("ray.yaml"))
    assert "=".join(proxy.CALLBACK) in (HOSTING / "ray.yaml").read_text()


def test_kuberay() -> None:
    said = read("kuberay.yaml")
    assert (said["apiVersion"], said["kind"]) == ("ray.io/v1", "RayService")
    yaml = pytest.importorskip("yaml")
    spec = said["spec"]
    check(yaml.safe_load(spec["serveConfigV2"]))
    cluster = spec["rayClusterConfig"]
    head, (worker,) = cluster["headGroupSpec"], cluster["workerGroupSpecs"]
    for name, part in (
        ("spec", spec), ("rayClusterConfig", cluster), ("headGroupSpec", head), ("worker", worker),
    ):  # fmt: skip
        assert part.keys() <= FIELDS[name]
    for group in (head, worker):
        assert group.keys() >= POD_GROUP
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())
        (container,) = group["template"]["spec"]["containers"]
        assert {one["name"]: one["value"] for one in container["env"]} == dict([proxy.CALLBACK])
        assert container["envFrom"]
    asked = yaml.safe_load(spec["serveConfigV2"])["applications"][0]["args"]
    (container,) = worker["template"]["spec"]["containers"]
    assert float(container["resources"]["limits"]["cpu"]) >= asked["cores"]
    assert worker["maxReplicas"] >= asked["most"]
