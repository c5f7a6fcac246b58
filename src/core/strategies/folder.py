"""A folder of strategy files. Names are read from the source text, so that only the file wanted is ever executed."""

import ast
import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from core.domain.errors import SettingsError
from core.strategies.importing import executing


@dataclass(frozen=True, slots=True)
class Candidate:
    """A class in a file that may be a strategy."""

    path: Path
    class_name: str
    name: str
    """Its `name = "..."`, else the class's own."""


def candidates(directory: str) -> tuple[list[Candidate], list[str]]:
    """Classes in the folder's `*.py` files, and complaints about files that cannot be read as Python.
    Raises `SettingsError` when there is no such folder."""
    folder = Path(directory)
    if not folder.is_dir():
        raise SettingsError(f"trading.strategies_dir = {directory!r}: no such folder")
    found: list[Candidate] = []
    complaints: list[str] = []
    for path in sorted(folder.glob("*.py")):
        try:
            found.extend(_classes(path))
        except (SyntaxError, UnicodeDecodeError, ValueError, OSError) as error:
            line = error.lineno if isinstance(error, SyntaxError) else 1
            complaints.append(f"{path}:{line}: {error.msg if isinstance(error, SyntaxError) else error}")
    return found, complaints


def import_file(path: Path) -> ModuleType:
    """Execute a strategy file as a module of its own; files beside it can be imported by name.
    Raises `SettingsError` with file, line and error."""
    folder = str(path.parent.resolve())
    if folder not in sys.path:
        sys.path.append(folder)
    name = f"metronome_strategies_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise SettingsError(f"{path}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        with executing(f"strategy file {path.name}"):
            spec.loader.exec_module(module)
    except SettingsError:
        del sys.modules[name]
        raise
    return module


def _classes(path: Path) -> list[Candidate]:
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    return [
        Candidate(path, node.name, _declared_name(node) or node.name)
        for node in tree.body
        if isinstance(node, ast.ClassDef) and node.bases
    ]


def _declared_name(node: ast.ClassDef) -> str | None:
    for statement in node.body:
        targets = statement.targets if isinstance(statement, ast.Assign) else ()
        target = statement.target if isinstance(statement, ast.AnnAssign) else (targets[0] if targets else None)
        value = statement.value if isinstance(statement, (ast.Assign, ast.AnnAssign)) else None
        if isinstance(target, ast.Name) and target.id == "name" and isinstance(value, ast.Constant):
            return value.value if isinstance(value.value, str) else None
    return None
