"""The modules that a page begins with, as one file.

On a slow line seventy small files wait for each other: six connections, a round trip each. So they
are put one after another, each in a function of its own that gives what it exports:

    modules["ui/dom.js"] = (() => { …the module's own lines…; return { h, put }; })();

The order is that of their imports. A module that is imported later is sent by itself, below
`late/`; what it imports of the bundle it takes from there, so that no module runs twice. Lines are
left as they are written. The page's modules keep to few forms of import and export; any other is
refused, which a test sees.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

_IMPORT = re.compile(
    r"""^import\s+(?:(?P<all>\*\s*as\s+\w+)|(?P<default>\w+)|\{(?P<names>[^}]*)\})"""
    r"""\s*from\s*["'](?P<path>\.[^"']+)["'];?""",
    re.M,
)
_EXPORT = re.compile(r"^export (?P<kind>async function|function|const|class) (?P<name>\w+)", re.M)
_OTHER = re.compile(r"^(?:import\b(?!\()|export\b).*", re.M)
_LATER = re.compile(r"""\bimport\((["`])(\.\.?/)""")
_WAITS = re.compile(r"^\S.*\bawait\b", re.M)
_TABLE = 'globalThis[Symbol.for("fovea modules")]'


def resolved(module: str, target: str) -> str:
    """The path of what a module imports, below the page's folder."""
    parts: list[str] = []
    for part in (PurePosixPath(module).parent / target).parts:
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts)


def imports(module: str, source: str) -> Iterator[str]:
    """What a module needs before it runs, by path."""
    for found in _IMPORT.finditer(source):
        yield resolved(module, found["path"])


def in_order(contents: Mapping[str, bytes], entry: str) -> list[str]:
    """The entry and all that it imports, each after what it imports itself."""
    done: list[str] = []
    begun: list[str] = []

    def visit(module: str) -> None:
        if module in done:
            return
        if module in begun:
            raise ValueError(f"{module} imports itself, through {begun[begun.index(module) :]}")
        begun.append(module)
        for needed in imports(module, contents[module].decode()):
            visit(needed)
        begun.remove(module)
        done.append(module)

    visit(entry)
    return done


def bundle(contents: Mapping[str, bytes], entry: str, late: str) -> tuple[bytes, dict[str, bytes]]:
    """The file of all that an entry begins with, and every other module as it is sent beside it.

    `late` is the folder of the others, below that of the bundle.
    """
    order = in_order(contents, entry)
    packed = [f"const modules = ({_TABLE} ??= {{}});\n"]
    packed += [_wrapped(module, contents[module].decode(), late) for module in order]
    first = set(order)
    others = {
        f"{late}/{path}": _taking(path, content.decode(), first).encode()
        for path, content in contents.items()
        if path.endswith(".js") and path not in first
    }
    return "".join(packed).encode(), others


def _wrapped(module: str, source: str, late: str) -> str:
    exported = [found["name"] for found in _EXPORT.finditer(source)]
    body = _IMPORT.sub(lambda found: _taken(found, module, "modules"), source)
    body = _EXPORT.sub(r"\g<kind> \g<name>", body)
    if other := _OTHER.search(body):
        raise ValueError(f"{module}: {other[0]!r} cannot be put into one file")
    folder = PurePosixPath(module).parent

    def later(found: re.Match[str]) -> str:
        base = folder if found[2] == "./" else folder.parent
        return f"import({found[1]}./{late}/{'' if str(base) == '.' else f'{base}/'}"

    body = _LATER.sub(later, body)
    body = body.replace("import.meta.url", f'new URL("{module}", import.meta.url).href')
    waits = ("await ", "async ") if _WAITS.search(body) else ("", "")
    return (
        f'modules["{module}"] = {waits[0]}({waits[1]}() => {{\n{body}'
        f"return {{ {', '.join(exported)} }};\n}})();\n"
    )


def _taken(found: re.Match[str], module: str, table: str) -> str:
    """An import as a constant."""
    place = f'{table}["{resolved(module, found["path"])}"]'
    if found["all"]:
        return f"const {found['all'].split()[-1]} = {place};"
    if found["default"]:
        return f"const {{ default: {found['default']} }} = {place};"
    names = [name.strip().replace(" as ", ": ") for name in found["names"].split(",")]
    return f"const {{ {', '.join(filter(None, names))} }} = {place};"


def _taking(module: str, source: str, first: set[str]) -> str:
    """A module that comes later, with what it imports of the bundle taken from there."""
    return _IMPORT.sub(
        lambda found: (
            _taken(found, module, _TABLE) if resolved(module, found["path"]) in first else found[0]
        ),
        source,
    )
