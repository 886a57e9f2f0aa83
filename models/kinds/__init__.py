"""Kinds of sites, one folder each. What a folder declares is found here, and listed nowhere else.

kind.py        KINDS: what the site is called and claims (required)
starts.py      STARTS: the functions at which a site may begin, with their handlers
signature.py   RECOGNITION: how a product of a map and a factor is recognised
maps.py        MAPS: the maps of gates, as `gate_map.py` describes them
zh.json        the Chinese of its sentences
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any


def folders() -> list[Path]:
    """The folders with a `kind.py`, in alphabetical order."""
    inside = (folder for path in __path__ for folder in Path(path).iterdir())
    return sorted((one for one in inside if (one / "kind.py").is_file()), key=lambda one: one.name)


def declared(module: str, name: str) -> list[Any]:
    """The value of `name` in each folder's module, where there is one."""
    names = [f"{__name__}.{folder.name}.{module}" for folder in folders()]
    found = [import_module(one) for one in names if find_spec(one) is not None]
    return [getattr(one, name) for one in found if hasattr(one, name)]
