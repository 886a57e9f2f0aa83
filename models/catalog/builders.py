"""Building a network by a name: of timm, of transformers, or of a function of the user's own.

    timm:<architecture>                    timm.create_model(architecture, **arguments)
    transformers:<class or model type>     the class, or an image classifier of that type,
                                           from a configuration of `arguments`
    package.module:factory                 factory(**arguments), an nn.Module

The module is used as it is: nothing is wrapped, so that what is captured is what its author wrote.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from fovea.models.catalog import timm_zoo
from fovea.models.catalog.torchvision_operators import declare_missing_operators
from fovea.models.catalog.weights.weights import fill, fitting, refuse

FORMS = "timm:<name>, transformers:<class or model type> or package.module:factory"
INSTALL_TRANSFORMERS = (
    "it needs transformers; install it with: pip install 'fovea-microscope[transformers]'"
)


def problem(builder: str, arguments: Mapping[str, Any], beside: Path | None = None) -> str | None:
    """What is wrong with a builder, as far as can be told without running it; None if nothing.

    beside: folder of the file that names it, which may contain its module.
    """
    kind, _, name = builder.partition(":")
    if kind == "timm":
        return _problem_of_timm(name, arguments)
    if kind == "transformers":
        return _problem_of_transformers(name)
    if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", builder):
        return f"{builder!r} is no builder; it is {FORMS}"
    top = kind.partition(".")[0]
    if _module_beside(kind, beside) is None and importlib.util.find_spec(top) is None:
        return (
            f"there is no {top}.py beside this file, and there is no module {top!r} that can be "
            "imported here (is its folder on PYTHONPATH?)"
        )
    return None


def _module_beside(module: str, folder: Path | None) -> Path | None:
    """The file of a module in a model folder."""
    if folder is None:
        return None
    file = folder.joinpath(*module.split(".")).with_suffix(".py")
    return file if file.is_file() else None


def _imported(module: str, folder: Path | None) -> Any:
    """A module from the model's folder, freshly imported each time; else any importable module.

    Modules in the folder can import each other and do not shadow installed ones.
    """
    file = _module_beside(module, folder)
    if file is None:
        return importlib.import_module(module)
    spec = importlib.util.spec_from_file_location(f"fovea_models_folder.{module}", file)
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = found  # dataclasses and pickle look modules up here
    sys.path.append(str(folder))
    try:
        spec.loader.exec_module(found)
    finally:
        sys.path.remove(str(folder))
    return found


def build(
    builder: str,
    arguments: Mapping[str, Any],
    tensors: dict[str, Tensor],
    file: str,
    beside: Path | None = None,
) -> nn.Module:
    """The network with the tensors of `file`. Raises weights.CorruptWeights if they do not fit, and
    whatever the builder raises.
    """
    kind, _, name = builder.partition(":")
    if kind == "transformers":
        return _build_transformers(name, dict(arguments), tensors, file)
    network = architecture(builder, arguments, beside)
    fill(network, tensors, file)
    return network


def architecture(
    builder: str, arguments: Mapping[str, Any], beside: Path | None = None
) -> nn.Module:
    """The network with random weights. Raises whatever the builder raises."""
    kind, _, name = builder.partition(":")
    if kind == "transformers":
        chosen, config = _configured(_transformers(), name, dict(arguments))
        network = chosen(config)
    elif kind == "timm":
        network = timm_zoo.create(name, arguments)
    else:
        network = getattr(_imported(kind, beside), name)(**arguments)
    if not isinstance(network, nn.Module):
        raise TypeError(f"{builder} gave a {type(network).__name__}, not a torch.nn.Module")
    return network


def _problem_of_timm(name: str, arguments: Mapping[str, Any]) -> str | None:
    if not timm_zoo.exists(name):
        return f"timm has no {name!r}{_close(name, tuple(timm_zoo.architectures()))}"
    if "pretrained" in arguments:
        return "the weights come from the file that `weights` names; take `pretrained` out"
    return None


def _problem_of_transformers(name: str) -> str | None:
    if importlib.util.find_spec("transformers") is None:
        return INSTALL_TRANSFORMERS
    known = (*_classes(), *_model_types())
    if name in known:
        return None
    return f"transformers has no class or model type {name!r}{_close(name, known)}"


@lru_cache(maxsize=64)  # called often, and comparing thousands of names is slow
def _close(name: str, known: tuple[str, ...]) -> str:
    """A sentence fragment with the known names that begin like this one."""
    alike = difflib.SequenceMatcher(b=name)

    def likeness(other: str) -> float:
        alike.set_seq1(other[: len(name) + 1])
        return alike.ratio() if alike.quick_ratio() > 0.6 else 0.0

    ranked = sorted(((likeness(other), other) for other in known), key=lambda x: (-x[0], x[1]))
    close = [other for ratio, other in ranked[:5] if ratio > 0.6]
    return f"; did you mean {', '.join(close)}?" if close else ""


def _transformers() -> Any:
    """Imports transformers lazily: it is optional, and takes seconds."""
    declare_missing_operators()
    import transformers

    return transformers


@cache
def _classes() -> tuple[str, ...]:
    # Only names are read: the modules behind them are imported when one is built.
    known = dir(_transformers())
    return tuple(name for name in known if re.search(r"(Model|For[A-Z]\w+)$", name))


@cache
def _model_types() -> tuple[str, ...]:
    return tuple(_transformers().CONFIG_MAPPING)


def _build_transformers(
    name: str, settings: dict[str, Any], tensors: dict[str, Tensor], file: str
) -> nn.Module:
    """Loads through transformers, which knows the tensor names of older versions.

    Tensors that the class does not use (the text half of a CLIP) are ignored, as transformers does.
    """
    kind, config = _configured(_transformers(), name, settings)

    def filled(tensors: dict[str, Tensor]) -> tuple[nn.Module, dict[str, Any]]:
        with _quietly():
            network, told = kind.from_pretrained(
                None,
                config=config,
                state_dict=tensors,
                dtype=torch.float32,
                ignore_mismatched_sizes=True,  # reported by transformers, and refused below
                output_loading_info=True,
            )
        return network, told

    network, told = filled(dict(tensors))
    if told["missing_keys"]:
        renamed = fitting(tensors, network.state_dict())
        if renamed.keys() != tensors.keys():
            network, told = filled(renamed)
    misshapen = [
        f"{key} is {tuple(given)}, not {tuple(own)}"
        for key, given, own in sorted(told["mismatched_keys"])
    ]
    refuse(
        file,
        missing=sorted(told["missing_keys"]),
        unknown=sorted(told["unexpected_keys"]) if told["missing_keys"] else [],
        misshapen=misshapen,
    )
    return network


def _configured(transformers: Any, name: str, settings: dict[str, Any]) -> tuple[Any, Any]:
    """(class, configuration) for a class or a model type."""
    kind: Any
    if name in _model_types():
        kind, settings["model_type"] = transformers.AutoModelForImageClassification, name
    else:
        kind = getattr(transformers, name)
    own = getattr(kind, "config_class", None)
    if own is not None:
        return kind, own.from_dict(settings)
    # One of transformers' Auto classes: the configuration determines the class.
    if "model_type" not in settings:
        raise ValueError(f"{name} needs `model_type` in its configuration")
    config = transformers.AutoConfig.for_model(settings.pop("model_type"), **settings)
    with torch.device("meta"):  # without memory: only its class is needed
        return type(kind.from_config(config)), config


@contextmanager
def _quietly() -> Iterator[None]:
    """Silences transformers' progress bars and reports; errors become problems."""
    logging = importlib.import_module("transformers.utils.logging")
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
