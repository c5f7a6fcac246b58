"""Settings from files, environment and command line; precedence: command line > environment > files > defaults."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from core.domain.errors import SettingsError
from core.settings.complaints import complaints
from core.settings.environment import read_environment
from core.settings.layers import KeyPath, Layer, merge
from core.settings.schema import NONE_WORDS, annotation_at, takes_none, without_none
from core.settings.secrets import read_secrets, refuse_secrets
from core.settings.toml_file import read_toml
from core.settings.tree import Settings

STATE_VARIABLE = "STATE_DIRECTORY"


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """The settings, and where each value came from."""

    settings: Settings
    layers: tuple[Layer, ...]

    def origin(self, path: KeyPath) -> str:
        """`config/sim.toml:12`, `environment METRONOME__...`, `command line`, or `default`."""
        return next((layer.locate(path) for layer in reversed(self.layers) if layer.holds(path)), "default")


def load_settings(
    files: Sequence[Path] = (),
    environment: Mapping[str, str] | None = None,
    arguments: Mapping[str, Any] | None = None,
) -> LoadedSettings:
    """Reads everything once. Later files override earlier ones; `arguments` are nested like the tree of settings.

    Raises `SettingsError` with one line per fault: where it stands, the key, what was given and what is wanted.
    """
    variables = environment or {}
    in_files = [read_toml(path) for path in files]
    refuse_secrets(in_files)
    from_environment = read_environment(variables)
    layers = (
        _state_directory(variables),
        *in_files,
        read_secrets(in_files, from_environment, variables),
        from_environment,
        Layer(arguments or {}, lambda path: "command line"),
    )
    return LoadedSettings(_validate(layers), layers)


def _state_directory(variables: Mapping[str, str]) -> Layer:
    """systemd's StateDirectory= stands in for the default data_dir; a data_dir that somebody set wins over it."""
    folders = variables.get(STATE_VARIABLE, "").split(":")
    values = {"storage": {"data_dir": folders[0]}} if folders[0] else {}
    return Layer(values, lambda path: f"environment {STATE_VARIABLE}")


def _validate(layers: Sequence[Layer]) -> Settings:
    merged = _with_nones(merge(layers), ())
    try:
        # Strict, and by way of JSON: "18700" is no port and `true` no number, yet lists, paths and decimals parse.
        return Settings.model_validate_json(json.dumps(merged, default=str), strict=True)
    except ValidationError as error:
        raise SettingsError("\n".join(complaints(error, layers))) from None


def _with_nones(values: Any, path: KeyPath) -> Any:
    """TOML has no null: the words "none" and "off" stand for it wherever a setting may be `None`."""
    if isinstance(values, Mapping) and annotation_at(path) is not None:
        return {key: _with_nones(value, (*path, key)) for key, value in values.items()}
    if isinstance(values, list) and without_none(annotation_at(path)) is not None:
        return [_with_nones(value, (*path, index)) for index, value in enumerate(values)]
    if isinstance(values, str) and values.lower() in NONE_WORDS and takes_none(annotation_at(path)):
        return None
    return values
