"""The documents name what there is: rooms, mechanisms, commands."""

import re

from tests.architecture.laws import FLOORS, FRONTEND_FLOORS, ROOT


def test_every_room_stands_in_the_document() -> None:
    page = (ROOT / "docs/architecture.md").read_text("utf-8")
    named = page.split("## Rooms")[1].split("## ")[0]
    rooms = {room for floors in FLOORS.values() for floor in floors for room in floor}
    rooms |= {room.removesuffix(".js") for floor in FRONTEND_FLOORS for room in floor}
    missing = [room for room in sorted(rooms) if not re.search(rf"\b{room}(/|\.py|\.js)", named)]
    left_out = {"__main__", "draw_samples"}
    assert set(missing) <= left_out, "docs/architecture.md, Rooms: no line for these"


def test_every_mechanism_has_its_row() -> None:
    rows = [r for r in (ROOT / "docs/mechanisms.md").read_text().splitlines() if r.startswith("|")]
    modules = [p.name for p in (ROOT / "models/mechanisms").glob("*.py") if p.name[0] != "_"]
    missing = [name for name in modules if not any(name in row for row in rows)]
    assert modules
    assert not missing, f"docs/mechanisms.md has no row for {', '.join(sorted(missing))}"


def test_every_command_of_the_readme_exists() -> None:
    readme, makefile = ((ROOT / name).read_text() for name in ("README.md", "Makefile"))
    named = set(re.findall(r"(?:^(?: {4,})?(?:\$ )?|`)make ([a-z-]+)", readme, flags=re.M))
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, flags=re.M))
    assert {"serve", "test"} <= named, "the README names both commands"
    assert named <= targets, f"the Makefile has no {', '.join(sorted(named - targets))}"
