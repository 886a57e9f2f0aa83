"""A server to be killed: one tiny network whose passes take a while. Prints its address.

python -m tests.server.storage.slow_server STORE SECONDS_A_PASS
"""

import sys
import time

import torch
from torch import nn

from fovea.server.settings import Settings
from tests.server.conftest import OneNetwork, Turnstile, running, until


class Slow(Turnstile):
    """An attention of sixteen heads; its weights are the same in every process."""

    def __init__(self, pass_s: float = 0.0) -> None:
        torch.manual_seed(0)
        super().__init__()
        self.mix = nn.Linear(16, 16)
        self.pass_s = pass_s
        self.open.set()

    def forward(self, photos: torch.Tensor) -> torch.Tensor:
        time.sleep(self.pass_s)
        patches = photos.unfold(2, 8, 8).unfold(3, 8, 8).permute(0, 2, 3, 1, 4, 5).flatten(3)
        query, key = (
            one.unflatten(-1, (16, 1)).transpose(1, 2)
            for one in self.project(patches.flatten(1, 2)).chunk(2, dim=-1)
        )
        seen = nn.functional.scaled_dot_product_attention(query, key, key)
        return self.mix(seen.transpose(1, 2).flatten(2)).mean(1)


def one_network(pass_s: float = 0.0) -> OneNetwork:
    networks = OneNetwork()
    networks.network = Slow(pass_s)
    return networks


def main() -> None:
    store, pass_s = sys.argv[1:]
    settings = Settings(photo_store=f"file://{store}", default_model=OneNetwork.ID, device="cpu")
    with running(settings, one_network(float(pass_s))) as on:
        until(lambda: on.client.get("/readyz").status_code == 200)
        print(on.url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
