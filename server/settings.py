"""Settings from environment variables with the prefix FOVEA_ (docs/settings.md)."""

from __future__ import annotations

import hashlib
import ipaddress
import os
import re
import secrets
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

MEBIBYTE = 1 << 20
PREFIX = "FOVEA_"

SHORTEST_TOKEN = 16
ORIGIN = r"https?://([a-z0-9.*_-]+|\[[0-9a-f:]+\])(:(\d+|\*))?"
KEY_OF_THIS_PROCESS = secrets.token_bytes(32)


class SettingsError(Exception):
    """Invalid settings; the message names each one and its valid values."""


class Settings(BaseSettings):
    """Frozen and validated once at start-up; each field has its row in docs/settings.md."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="forbid"
    )

    host: str = Field("127.0.0.1", min_length=1, description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    token: SecretStr | None = Field(
        None,
        description="When set, the API asks for `Authorization: Bearer <token>`; at least 16 "
        "characters.",
    )
    secret: SecretStr | None = Field(
        None,
        min_length=16,
        description="What ids and cookies are keyed with; unset: made at the start.",
    )
    root_path: str = Field(
        "", description="Path under which a proxy offers the server, such as /fovea."
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        ("127.0.0.1", "::1"),
        description="Addresses or networks of proxies whose X-Forwarded headers are believed.",
    )
    frame_ancestors: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Origins whose pages may show this one in a frame; `*` for all."
    )
    allowed_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Other origins whose pages may call the API, with the token."
    )
    rate_limit: int | None = Field(
        None, ge=1, description="Requests to the API a minute that one client may make."
    )
    max_connections: int = Field(
        512, ge=8, le=100_000, description="Connections at a time; the most silent makes room."
    )
    header_timeout_s: float = Field(
        10.0, gt=0, le=3600, allow_inf_nan=False, description="Longest time for a request's head."
    )
    access_log: bool = Field(False, description="A line in the log for each request.")
    log_format: Literal["text", "json"] = Field(
        "text", description="`text` for people, `json` for programs."
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Host names to answer to besides localhost and plain IP addresses, "
        "separated by commas; `*` answers to all.",
    )
    device: str = Field(
        "auto",
        description="`auto` (a GPU where there is one), `cpu`, `cuda`, `cuda:1`, `mps`.",
    )
    weights_dir: Path | None = Field(
        None, description="Folder with `<model id>.safetensors` files, looked in before the hub."
    )
    models_dir: Path | None = Field(
        None, description="Folder with one `<model id>.toml` a model of your own."
    )
    cache_dir: Path | None = Field(
        None, description="Folder that downloaded weights are kept in; unset: the hub's own."
    )
    offline: bool = Field(False, description="Never download weights.")
    downloads: Literal["all", "listed", "none"] = Field(
        "all",
        description="Which models a request may have downloaded: `all` of the hub, those `listed` "
        "without a search, or `none`.",
    )
    cache_budget_bytes: int | None = Field(
        None, ge=0, description="Most bytes of downloaded weights in FOVEA_CACHE_DIR."
    )
    default_model: str | None = Field(
        None, description="Model used when a request names none; unset: `vit`."
    )
    max_upload_bytes: int = Field(
        32 * MEBIBYTE, ge=1024, description="Largest request body in bytes."
    )
    batch_photos: int = Field(
        500, ge=1, le=100_000, description="Most photos in one batch (`POST /v1/batches`)."
    )
    batch_bytes: int = Field(
        2048 * MEBIBYTE,
        ge=1024,
        description="Largest body of a batch; it is never held whole. Each photo of it may have "
        "FOVEA_MAX_UPLOAD_BYTES.",
    )
    max_pixels: int = Field(
        64_000_000, ge=1, description="Largest photo in pixels (width × height)."
    )
    upload_timeout_s: float = Field(
        30.0, gt=0, le=3600, allow_inf_nan=False, description="Longest time an upload may take."
    )
    queue_size: int = Field(
        32, ge=1, le=10_000, description="Photos analysed or waiting at a time; more get 429."
    )
    work_budget_bytes: int = Field(
        1024 * MEBIBYTE,
        ge=16 * MEBIBYTE,
        description="Memory for work in flight: uploads, decoding, drawing; what does not fit "
        "waits, then gets 429.",
    )
    inference_threads: int | None = Field(
        None,
        ge=1,
        le=64,
        description="Forward passes side by side; unset: up to 4 on a CPU, which share its cores, "
        "1 on a GPU.",
    )
    max_batch: int | None = Field(
        None,
        ge=1,
        le=256,
        description="Photos in one forward pass; unset: 1 on the CPU, 8 on a GPU.",
    )
    decode_threads: int = Field(2, ge=1, le=64, description="Photos decoded at a time.")
    trace_budget_bytes: int = Field(
        1024 * MEBIBYTE, ge=0, description="Memory for finished analyses; the oldest make room."
    )
    photo_store: str = Field(
        "memory",
        description="Where photos outlive the process: `memory`, or an fsspec address.",
    )
    photo_store_bytes: int = Field(
        10 * 1024 * MEBIBYTE, ge=MEBIBYTE, description="Most bytes of photos in FOVEA_PHOTO_STORE."
    )
    keep_s: float | None = Field(
        30 * 24 * 3600.0,
        gt=0,
        allow_inf_nan=False,
        description="Seconds that a photo stays in FOVEA_PHOTO_STORE.",
    )
    model_budget_bytes: int = Field(
        4096 * MEBIBYTE, ge=0, description="Memory for loaded networks; the least used make room."
    )
    json_budget_bytes: int = Field(
        4 * MEBIBYTE, ge=1024, description="Largest array sent as JSON; larger ones only binary."
    )
    shutdown_timeout_s: float = Field(
        20.0,
        ge=0,
        le=3600,
        allow_inf_nan=False,
        description="Longest time that requests under way get to finish when the server stops.",
    )

    @property
    def key(self) -> bytes:
        """The key of ids and cookies: derived from the secret, or random for this process."""
        if self.secret is None:
            return KEY_OF_THIS_PROCESS
        return hashlib.sha256(self.secret.get_secret_value().encode()).digest()

    @field_validator(
        "allowed_hosts", "trusted_proxies", "frame_ancestors", "allowed_origins", mode="before"
    )
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(name.strip().lower() for name in value.split(",") if name.strip())
        return value

    @field_validator("frame_ancestors", "allowed_origins")
    @classmethod
    def _origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            if origin not in ("*", "'self'") and not re.fullmatch(ORIGIN, origin):
                raise ValueError(f"{origin!r} is no origin, such as https://lab.example")
        return origins

    @field_validator("allowed_origins")
    @classmethod
    def _named(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        if any("*" in origin or origin == "'self'" for origin in origins):
            raise ValueError("name each origin, such as https://lab.example")
        return origins

    @field_validator("trusted_proxies")
    @classmethod
    def _addresses(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in proxies:
            if proxy != "*":
                ipaddress.ip_network(proxy, strict=False)
        return proxies

    @field_validator("root_path")
    @classmethod
    def _path(cls, path: str) -> str:
        path = path.rstrip("/")
        if path and not re.fullmatch(r"(/[A-Za-z0-9._~@-]+)+", path):
            raise ValueError("a path such as /fovea is meant")
        return path

    @model_validator(mode="after")
    def _others_need_the_token(self) -> Self:
        if self.allowed_origins and self.token is None:
            raise ValueError(
                "FOVEA_ALLOWED_ORIGINS: pages of other origins need a token; set FOVEA_TOKEN"
            )
        return self

    @field_validator("photo_store")
    @classmethod
    def _store(cls, address: str) -> str:
        if address != "memory" and "://" not in address:
            raise ValueError("memory or an address is meant, such as file:///srv/fovea or s3://…")
        return address

    @field_validator("device")
    @classmethod
    def _device_name(cls, name: str) -> str:
        if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", name):
            raise ValueError(
                "valid: auto (a GPU where there is one), cpu, cuda (a GPU of NVIDIA or AMD; cuda:1 "
                "is the second), mps (Apple)"
            )
        return name

    @field_validator("allowed_hosts")
    @classmethod
    def _host_names(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name != "*" and not re.fullmatch(r"[a-z0-9._:\[\]-]+", name):
                raise ValueError(f"{name!r} is not a host name")
        return names

    @field_validator("token")
    @classmethod
    def _token_has_characters(cls, token: SecretStr | None) -> SecretStr | None:
        if token is not None and not re.fullmatch(r"[\x21-\x7e]+", token.get_secret_value()):
            raise ValueError("a token is made of printable ASCII characters without spaces")
        if token is not None and len(token.get_secret_value()) < SHORTEST_TOKEN:
            raise ValueError(
                f"a token has at least {SHORTEST_TOKEN} characters; openssl rand -hex 16 makes one"
            )
        return token

    @field_validator("weights_dir", "models_dir")
    @classmethod
    def _readable(cls, folder: Path | None) -> Path | None:
        if folder is not None and not folder.is_dir():
            raise ValueError(f"{folder} is not a folder")
        return folder

    @field_validator("cache_dir")
    @classmethod
    def _writable(cls, folder: Path | None) -> Path | None:
        if folder is None:
            return None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # os.access is not enough: it returns True for root on a read-only file system.
            probe = folder / f".fovea-{os.getpid()}"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise ValueError(f"cannot write to {folder}: {error.strerror}") from error
        return folder


def load(**overrides: Any) -> Settings:
    """The settings from the environment, with `overrides`; raises SettingsError."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        lines = (f"  {_line(fault)}" for fault in error.errors())
        raise SettingsError("These settings cannot be used:\n" + "\n".join(lines)) from None


def _line(fault: Any) -> str:
    """The variable, its valid values, and its actual value."""
    told = str(fault["msg"]).removeprefix("Value error, ")
    if not fault["loc"]:  # two settings that conflict; the message names them
        return told
    return f"{PREFIX}{str(fault['loc'][0]).upper()}: {told} (it is {_shown(fault)})"


def _shown(fault: Any) -> str:
    """The refused value, unless it is secret."""
    return "hidden" if fault["loc"][:1] in (("token",), ("secret",)) else repr(fault["input"])


def unknown_variables() -> list[str]:
    """Environment variables that look like settings and are none: probably typing mistakes.

    FOVEA_DATA_DIR belongs to training (docs/training.md), FOVEA_LANG to the commands (docs/cli.md).
    """
    known = {PREFIX + name.upper() for name in (*Settings.model_fields, "data_dir", "lang")}
    return sorted(
        name for name in os.environ if name.startswith(PREFIX) and name.upper() not in known
    )
