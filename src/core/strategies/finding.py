"""From the `use` of a setting to the class that it means."""

from difflib import get_close_matches

from core.domain.errors import SettingsError
from core.strategies.builtin import BUILT_IN
from core.strategies.folder import Candidate, candidates, import_file
from core.strategies.importing import import_dotted


def find(use: str, directory: str | None) -> object:
    """The object that `use` names: a built-in, `package.module:Class`, or a class in `directory`. Not checked yet.
    Raises `SettingsError` with the nearest known name, or with the line at which user code failed."""
    if ":" in use:
        return _dotted(use)
    found, complaints = candidates(directory) if directory is not None else ([], [])
    matches = [candidate for candidate in found if use in (candidate.name, candidate.class_name)]
    if use in BUILT_IN:
        if matches:
            raise SettingsError(f"{matches[0].path}: the name {use!r} belongs to a built-in strategy; choose another")
        return _dotted(BUILT_IN[use])
    if len(matches) > 1:
        places = ", ".join(str(match.path) for match in matches)
        raise SettingsError(f"strategy {use!r} is defined more than once: {places}")
    if matches:
        return getattr(import_file(matches[0].path), matches[0].class_name)
    raise SettingsError(_unknown(use, directory, found, complaints))


def _dotted(use: str) -> object:
    module_name, _, class_name = use.partition(":")
    if not all(part.isidentifier() for part in (*module_name.split("."), class_name)):
        raise SettingsError(f"strategy {use!r}: expected package.module:Class")
    module = import_dotted(module_name)
    if not hasattr(module, class_name):
        near = get_close_matches(class_name, dir(module), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise SettingsError(f"strategy {use!r}: module {module_name!r} has no {class_name!r}{hint}")
    return getattr(module, class_name)


def _unknown(use: str, directory: str | None, found: list[Candidate], complaints: list[str]) -> str:
    known = [*BUILT_IN, *(candidate.name for candidate in found)]
    near = get_close_matches(use, known, n=1)
    parts = [f"unknown strategy {use!r}"]
    if near:
        parts.append(f"did you mean {near[0]!r}?")
    elif "." in use:
        parts.append(f"a dotted path is written {use.rpartition('.')[0]}:{use.rpartition('.')[2]}")
    else:
        parts.append(f"known: {', '.join(known)}")
    parts.append("trading.strategies_dir is not set" if directory is None else f"looked in {directory}")
    if complaints:
        parts.append(f"files that could not be read: {'; '.join(complaints)}")
    return "; ".join(parts)
