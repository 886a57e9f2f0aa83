"""Which spatial transformers a site reads through, so that its places can be followed to the photo.

A transformer inside a network reads what an earlier one passed on (Jaderberg et al. 2015, section
3.4); one that looks several times reads the same input at every look (Lin and Lucey 2017).
"""

import torch

from fovea.models.records import Site, Trace


def read_through(trace: Trace, site: Site) -> tuple[Site, ...]:
    """The spatial transformers whose windows the site sees, outermost first.

    Those before it in the order of execution, except that samplers of equal inputs stand beside
    each other: neither reads what the other passed on, and what follows reads the last one.
    """
    chain: tuple[Site, ...] = ()
    found: list[tuple[Site, tuple[Site, ...]]] = []  # each sampler with what it reads through
    for candidate in trace.sites:
        if candidate.kind == "spatial-transformer":
            chain = next((own for other, own in found if _alike(other, candidate)), chain)
            found.append((candidate, chain))
        if candidate.id == site.id:
            return chain
        if candidate.kind == "spatial-transformer":
            chain = (*chain, candidate)
    raise ValueError(f"the trace has no site {site.id}")


def _alike(one: Site, other: Site) -> bool:
    """Whether two samplers read the same picture."""
    return torch.equal(one.sampling.input, other.sampling.input)
