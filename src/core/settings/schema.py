"""What the settings' models say about a key: its type, its neighbours, whether it is a secret."""

import difflib
import types
from collections.abc import Iterator
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr

from core.settings.layers import KeyPath, dotted
from core.settings.tree import Settings

NONE_WORDS = ("none", "off")
"""TOML has no null."""


def annotation_at(path: KeyPath) -> Any:
    """The type of the setting at `path`; `None` when there is no such setting."""
    found: Any = Settings
    for part in path:
        found = _step(without_none(found), part)
    return found


def alternatives(annotation: Any) -> tuple[Any, ...]:
    """`int | None` -> `(int, NoneType)`; any other type alone."""
    annotation = _bare(annotation)
    return get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)


def without_none(annotation: Any) -> Any:
    """`X | None` -> `X`; everything else as it is."""
    rest = [_bare(each) for each in alternatives(annotation) if each is not types.NoneType]
    return rest[0] if len(rest) == 1 else annotation


def takes_none(annotation: Any) -> bool:
    return types.NoneType in alternatives(annotation)


def is_table(annotation: Any) -> bool:
    """A section, a nested model, a dict or a list: what an environment variable must spell in JSON."""
    plain = without_none(annotation)
    return _is_model(plain) or get_origin(plain) in (tuple, list, dict)


def is_secret(path: KeyPath) -> bool:
    return without_none(annotation_at(path)) is SecretStr


def secret_paths() -> Iterator[tuple[str, str]]:
    """(section, key) of every setting that is a secret."""
    for section, field in Settings.model_fields.items():
        model: Any = field.annotation
        if _is_model(model):
            yield from ((section, key) for key in model.model_fields if is_secret((section, key)))


def nearest(path: KeyPath) -> str | None:
    """The known setting that an unknown one was most likely meant to be; `None`: nothing looks like it."""
    *above, wrong = path
    parent = without_none(annotation_at(tuple(above)))
    siblings = list(parent.model_fields) if _is_model(parent) else []
    if close := difflib.get_close_matches(str(wrong), siblings, n=1, cutoff=0.6):
        return dotted((*above, close[0]))
    everywhere = {key: section for section, key in _all_keys()}
    if close := difflib.get_close_matches(str(wrong), list(everywhere), n=1, cutoff=0.8):
        return f"{everywhere[close[0]]}.{close[0]}"
    return None


def _all_keys() -> Iterator[tuple[str, str]]:
    for section, field in Settings.model_fields.items():
        model: Any = field.annotation
        if _is_model(model):
            yield from ((section, key) for key in model.model_fields)


def _step(parent: Any, part: str | int) -> Any:
    if _is_model(parent):
        field = parent.model_fields.get(part)
        return field.annotation if field else None
    arguments = get_args(parent)
    if get_origin(parent) is dict:
        return arguments[1]
    if get_origin(parent) in (tuple, list):
        return arguments[0]
    return None


def _bare(annotation: Any) -> Any:
    """`Annotated[X, ...]` -> `X`."""
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
