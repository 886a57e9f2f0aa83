"""Shared by the maps that go through all layers: requirements and starting row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fovea.models.methods.base import Subject

if TYPE_CHECKING:
    from fovea.models.records import Site


def check_chain(subject: Subject, site: Site | None = None) -> None:
    """Raises NotPossible without self-attention between all patches in every layer."""
    from fovea.models.maps.propagation import chain
    from fovea.models.methods.making.choosing import require_photo

    require_photo(subject)
    chain(subject.trace)


def check_class_token(subject: Subject, site: Site | None = None) -> None:
    """Also raises NotPossible without a class token."""
    from fovea.models.maps.propagation import NoClassToken, chain

    check_chain(subject)
    if not chain(subject.trace)[-1].prefix_tokens:
        raise NoClassToken


def check_class(subject: Subject, *, class_token: bool = False) -> None:
    """Raises NotPossible if the gradient of a class does not reach every layer."""
    from fovea.models.maps.propagation import NotPossible, chain
    from fovea.models.methods.making.choosing import require_classes
    from fovea.models.methods.probes import class_gradients

    (check_class_token if class_token else check_chain)(subject)
    require_classes(subject)
    reached = subject.ask(class_gradients)
    sites = chain(subject.trace)
    if not {site.id for site in (sites[-1:] if class_token else sites)} <= reached:
        raise NotPossible("no gradient leads from a class to its attention", "no-gradients")


def layers(subject: Subject) -> int:
    """The number of layers in the chain."""
    from fovea.models.maps.propagation import chain

    return len(chain(subject.trace))


def start(subject: Subject) -> str:
    """Whose row is propagated through the layers."""
    from fovea.models.maps.propagation import chain

    has_token = chain(subject.trace)[-1].prefix_tokens > 0
    return "the class token" if has_token else "the mean over all patches"
