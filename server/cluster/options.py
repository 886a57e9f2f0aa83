"""Number of replicas and the resources of each; importable without Ray."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fovea.server.settings import Settings, SettingsError
from fovea.server.storage.archive import MEMORY, open_archive

APPLICATION = "fovea"
RETRY_AFTER_S = 1
REQUESTS_A_PLACE = 8
"""Requests in progress or waiting per replica, for each slot of its queue (engine.ANSWERS)."""


@dataclass(frozen=True, slots=True)
class Options:
    """Cluster options. fewest, most: number of replicas. Ray adds one after they have averaged more
    than `busy` requests, running or queued, for `grow_after_s`, and removes one after they have had
    fewer for `shrink_after_s`. cores, gpus: per replica; 0.5 for two on one GPU. waiting: requests
    that each proxy of Ray queues; beyond that it answers 429.
    """

    fewest: int = 1
    most: int = 1
    busy: float = 4.0
    cores: float = 1.0
    gpus: float = 0.0
    waiting: int = 256
    grow_after_s: float = 10.0
    shrink_after_s: float = 600.0

    @classmethod
    def of(cls, said: dict[str, Any]) -> Options:
        """From a config file's `args` or the command line; raises SettingsError."""
        try:
            found = cls(**{name: _number(name, value) for name, value in said.items()})
        except TypeError as error:
            known = ", ".join(cls.__dataclass_fields__)
            raise SettingsError(f"Ray: there is no such option; valid: {known}.") from error
        if not 1 <= found.fewest <= found.most:
            raise SettingsError(f"Ray: {found.fewest} to {found.most} replicas make no sense.")
        return found


def _number(name: str, value: Any) -> Any:
    whole = name in ("fewest", "most", "waiting")
    try:
        return int(value) if whole else float(value)
    except ValueError as error:
        raise SettingsError(f"Ray: {name} is a number, not {value!r}.") from error


def replicas_of(text: str) -> tuple[int, int]:
    """Parses `3`, or `1-4` for autoscaling; raises ValueError."""
    fewest, _, most = text.partition("-")
    return int(fewest), int(most or fewest)


def shared(settings: Settings) -> Settings:
    """Settings that all replicas share: one store, and the secret kept in it. Raises SettingsError
    if no store is set.
    """
    if settings.photo_store == MEMORY:
        raise SettingsError(
            "FOVEA_PHOTO_STORE: replicas find each other's photos in a folder or bucket that all "
            "of them reach, such as file:///srv/fovea or s3://bucket/prefix; memory is none."
        )
    archive, settings = open_archive(settings)
    if archive is not None:
        archive.close()
    return settings
