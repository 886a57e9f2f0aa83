"""Base of request bodies: an unknown key is refused, with the closest valid one."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, model_validator

from fovea.models.closest import did_you_mean
from fovea.server.problems import InvalidParameter


class Strict(BaseModel, extra="forbid"):
    """A JSON object; raises InvalidParameter for an unknown key."""

    @model_validator(mode="before")
    @classmethod
    def _only_known(cls, given: Any) -> Any:
        for name in given if isinstance(given, dict) else ():
            if name not in cls.model_fields:
                valid = list(cls.model_fields)
                raise InvalidParameter(
                    f"There is no key {str(name)[:50]!r} here; valid: {', '.join(valid)}."
                    f"{did_you_mean(str(name), valid)}",
                    parameter=str(name)[:50],
                    valid=valid,
                )
        return given
