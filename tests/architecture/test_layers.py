"""A room imports only from rows below its own; rooms in one row ignore each other."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "understudy"

ROWS = (
    ("cli",),
    ("study",),
    ("pipeline", "review"),
    ("report", "scoring", "teacher", "journal"),
    ("evaluation", "student", "acquisition", "prompts"),
    ("embedding", "codebook", "corpus"),
    ("settings", "records"),
    ("errors",),
)
ROW_OF = {room: row for row, rooms in enumerate(ROWS) for room in rooms}
DATA_FOLDERS = {"demo_entities", "demo_project"}
FILES = sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(source: str) -> set[str]:
    rooms = set()
    for node in ast.walk(ast.parse(source)):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, "imports are absolute"
            names = [node.module] if node.module != "understudy" else [f"understudy.{a.name}" for a in node.names]
        rooms |= {name.split(".")[1] for name in names if name.startswith("understudy.")}
    return rooms - {"__version__"}


def forbidden(room: str, imported: set[str]) -> set[str]:
    return {other for other in imported if other != room and ROW_OF[other] <= ROW_OF[room]}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_room_imports_only_from_below(path):
    if path == PACKAGE / "__init__.py":
        return
    room = room_of(path)
    assert room in ROW_OF, f"{room} has no row in the picture; see docs/architecture.md"
    assert not forbidden(room, imported_rooms(path.read_text(encoding="utf-8")))


def test_every_room_in_the_folder_has_a_row():
    entries = {p.stem for p in PACKAGE.iterdir() if (p.is_dir() or p.suffix == ".py") and not p.name.startswith("_")}
    assert entries - {"py"} - DATA_FOLDERS <= set(ROW_OF)


def test_the_rule_itself_sees_a_climbing_import():
    assert forbidden("corpus", imported_rooms("from understudy.teacher import driver")) == {"teacher"}
    assert forbidden("corpus", imported_rooms("import understudy.embedding")) == {"embedding"}
    assert forbidden("teacher", imported_rooms("from understudy import records, journal")) == {"journal"}
    assert not forbidden("pipeline", imported_rooms("from understudy.teacher import driver"))
