"""The table of docs/maps.md, from the registry: `python -m fovea.models.methods.making.table`."""

from __future__ import annotations

from fovea.models.methods.registry import METHODS


def table() -> str:
    """Markdown, a row a map."""
    rows = [
        "| map | what it is | claim | definition | options | source |",
        "|---|---|---|---|---|---|",
    ]
    for one in METHODS:
        options = ", ".join(f"`{option.name}`" for option in one.options)
        cells = (f"`{one.name}`", one.summary, one.claim, one.equation, options, one.paper)
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


if __name__ == "__main__":
    print(table())
