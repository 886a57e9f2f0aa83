"""Records count their bytes honestly and say what is wrong."""

import pytest
import torch

from fovea.models.grids import PatchGrid
from fovea.models.records import (
    Attention,
    Gate,
    Sampling,
    Site,
    Trace,
)


def gate_site(id: str = "s00", photos: int = 1) -> Site:
    values, features = torch.rand(photos, 6, 1, 1), torch.rand(photos, 6, 4, 4)
    return Site(id, "channel-gate", 0, "se", Gate(values, features))


def test_bytes_count_shared_storage_once() -> None:
    both = torch.zeros(2, 1, 2, 5, 3)
    site = Site("s00", "attention", 0, "attn", Attention(query=both[0], key=both[1]))
    assert Trace((site,)).nbytes == both.numel() * 4
    assert Trace((gate_site(),)).nbytes == 4 * (6 + 6 * 16)


def test_splitting_gives_each_photo_its_own_memory() -> None:
    site = gate_site(photos=3)
    parts = Trace((site,)).split(3)
    assert [part.nbytes for part in parts] == [Trace((gate_site(),)).nbytes] * 3
    assert torch.equal(parts[2].sites[0].gate.values, site.gate.values[2:])
    with pytest.raises(ValueError, match="at least one photo"):
        Trace((site,)).split(0)


def test_a_mask_shared_by_all_photos_stays_whole() -> None:
    query, mask = torch.randn(4, 2, 5, 3), torch.randn(1, 1, 5, 5)
    site = Site("s00", "attention", 0, "attn", Attention(query=query, key=query, mask=mask))
    assert all(torch.equal(part.sites[0].attention.mask, mask) for part in Trace((site,)).split(4))


def test_a_site_is_only_what_it_is() -> None:
    site = gate_site()
    assert (site.channels, site.heads, site.queries, site.keys) == (6, None, None, None)
    for kind in ("attention", "sampling"):
        with pytest.raises(TypeError, match="s00 is a channel-gate"):
            getattr(site, kind)
    sampling = Sampling(
        theta=torch.eye(2, 3)[None],
        grid=torch.zeros(1, 3, 4, 2),
        input=torch.zeros(1, 5, 8, 8),
        output=torch.zeros(1, 5, 3, 4),
    )
    assert Site("s01", "spatial-transformer", 0, "stn", sampling).channels == 5


def test_records_are_frozen() -> None:
    with pytest.raises(AttributeError):
        gate_site().name = "other"
    assert PatchGrid(3, 4).cells == 12
