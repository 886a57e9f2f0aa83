"""A network whose weights the hub has in several files, over a socket: one job, one sum."""

from collections.abc import Callable
from pathlib import Path

from safetensors.torch import load_file

from tests.hub import Hub
from tests.models.sharded import INDEX, cut
from tests.server.conftest import VIT, Running
from tests.server.jobs.conftest import ended, post, state


def test_a_set_is_one_job_and_an_analysis(
    site: Running, served: Hub, weights_dir: Path, picture: Callable[[int], bytes]
) -> None:
    repository = f"timm/{VIT}"
    whole = load_file(weights_dir / f"{VIT}.safetensors")
    files = cut(whole, 3)
    del served.files[repository]
    served.files |= {f"{repository}/{name}": body for name, body in files.items()}
    total = sum(len(body) for name, body in files.items() if name != INDEX)
    assert site.client.get(f"/v1/models/{VIT}").json()["status"] == "available"
    job = ended(site, post(site))
    assert (job["state"], job["received_bytes"], job["total_bytes"]) == ("done", total, total)
    assert site.client.get(f"/v1/models/{VIT}").json()["status"] == "ready"
    assert site.analyse(picture(0), VIT)["sites"]
    assert [key for key, _ in served.gets] == [
        f"{repository}/{name}" for name in (INDEX, *sorted(set(files) - {INDEX}))
    ]
    assert site.client.get(f"/v1/models/{VIT}").json()["size_bytes"] == total
    # What is here is verified, not fetched again.
    again = ended(site, post(site))
    assert (again["state"], state(site, again)["total_bytes"]) == ("done", total)
    assert len(served.gets) == 4
