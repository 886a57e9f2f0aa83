"""Which English sentences the Python code makes: the keys of `server/language/zh.json`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

NOT_SAID = (
    "server/http/page_bundle.py",
    # Documents for developers: settings, the contract, examples, metrics, docs/maps.md.
    "server/settings.py", "server/wire/schemas.py", "server/wire/site_schemas.py",
    "server/wire/map_schemas.py", "server/wire/job_schemas.py", "server/wire/batch_schemas.py",
    "server/wire/evidence_schemas.py", "server/wire/examples.py", "server/wire/work_examples.py",
    "server/http/metrics.py",
    "server/http/contract.py", "server/http/docs", "server/language",
    "models/methods/making/table.py",
    "server/commands/reference.py",
    # What only who builds with the library can do wrong.
    "models/networks", "models/mechanisms", "models/tracing/equations.py",
    "models/tracing/recording.py", "models/catalog/torchvision_operators.py",
    # Names of torch's functions.
    "models/kinds/registry.py", "models/kinds/attention/starts.py", "models/kinds/gate/starts.py",
    "models/places/sliding.py", "models/tracing/products.py",
    "models/tracing/torch_paths.py",
)  # fmt: skip
"""Files and folders without a sentence for a user of the page, the API or the commands."""

NOT_SAID_AS = {"description", "alias", "response_description", "default_response_class"}
"""Keyword arguments that are for the API's documents, which are in English."""

NOT_SAID_BY = {"log", "access", "logger", "logging", "re", "warnings"}
"""Objects whose methods take no sentence for a user."""

WORDS = re.compile(r"[A-Za-z]{2,}[,;:.)’”]? +[A-Za-z({\[“]|\{\}[,;:]? +[a-z]{2,}|[a-z]{3,}:? \{\}")
NAMED = re.compile(r"\{\w*(:[^{}]*)?\}")
"""A hole that is filled in later."""

CODE = re.compile(
    r"<(link|script|div|img|t[rdh]|table|!doctype)\b.*|.*(/plain|-src|event: job|realm=|%\{).*"
    r"|(contiguous|mean sum|new_zeros|matmul|masked_scatter|rand randn|item|view reshape|scatter) "
    r".*"
    r"|(private|public|attachment|id:|system-ui|f \*|pip|cookie|data:|:).*|JPEG X.|.*supported"
    r"|cannot handle|unexpected end|not enough data|got end|\nDrop a photo.*",
    re.DOTALL,
)
"""What has words and is none: HTML, names of functions, headers, formulas."""


def sources() -> Iterator[Path]:
    """The files whose sentences have a translation."""
    for folder in ("server", "models"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if not any(name == one or name.startswith(f"{one}/") for one in NOT_SAID):
                yield path


def keys_of(source: str) -> Iterator[tuple[int, str]]:
    """(line, key) of each sentence; `{}` stands for what is filled in."""
    tree = ast.parse(source)
    skipped = {id(node) for node in _without_sentences(tree)}
    for node in ast.walk(tree):
        match node:
            case ast.keyword(arg="title", value=ast.Constant(value=str(title)) as text):
                if title != "Fovea":
                    yield text.lineno, title
        key = None if id(node) in skipped else key_of(node)
        if key and WORDS.search(key) and not CODE.fullmatch(key):
            yield getattr(node, "lineno", 0), key


def key_of(node: ast.AST) -> str | None:
    """The text of a string, with `{}` for each hole."""
    match node:
        case ast.Constant(value=str(text)):
            return NAMED.sub("{}", text).strip(" ")
        case ast.JoinedStr(values=parts):
            return "".join(
                NAMED.sub("{}", str(part.value)) if isinstance(part, ast.Constant) else "{}"
                for part in parts
            ).strip(" ")
        case _:
            return None


def _without_sentences(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node below what holds no sentence: docstrings, logs, assertions, splits, documents."""
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Constant() as text):
                yield text
            case ast.JoinedStr(values=parts):
                yield from (part for part in parts if isinstance(part, ast.Constant))
            case ast.Assert(msg=ast.AST() as message):
                yield from ast.walk(message)
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name))) if name in NOT_SAID_BY:
                yield from ast.walk(node)
            case ast.Call(func=ast.Attribute(value=ast.Constant() as text, attr="split")):
                yield text
            case ast.keyword(arg=str(name), value=value) if name in NOT_SAID_AS:
                yield from ast.walk(value)
            case ast.Dict(keys=keys, values=values):
                for key, value in zip(keys, values, strict=True):
                    if isinstance(key, ast.Constant) and key.value in NOT_SAID_AS:
                        yield from ast.walk(value)
            case ast.Compare():
                yield from ast.walk(node)
            case ast.Call(func=ast.Name(id="Field" | "Query" | "Path" | "Header")):
                yield from ast.walk(node)
