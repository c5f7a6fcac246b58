"""Options that several commands share, and the settings they lead to."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from core.runtime.redaction import PROCESS
from core.secrets_known import secrets_of
from core.settings.load import LoadedSettings, load_settings

ConfigFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="Settings file (TOML); may be given several times, later ones win. None: the embedded venue's defaults.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="For machines: JSON on standard output.")]


def settings_of(files: list[Path] | None, arguments: Mapping[str, Mapping[str, Any]] | None = None) -> LoadedSettings:
    """Files, environment and `arguments` (section -> key -> value; `None` stands for an option that was not given)."""
    given = {
        section: {key: value for key, value in keys.items() if value is not None}
        for section, keys in (arguments or {}).items()
    }
    loaded = load_settings(files or (), os.environ, given)
    for secret in secrets_of(loaded.settings):
        PROCESS.add(secret)
    return loaded
