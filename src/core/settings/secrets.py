"""Secrets: from the environment, systemd's credentials or a file of their own, never from a settings file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from core.domain.errors import SettingsError
from core.settings.layers import KeyPath, Layer, merge, nearest_origin
from core.settings.schema import NONE_WORDS, secret_paths

CREDENTIALS_VARIABLE = "CREDENTIALS_DIRECTORY"


def refuse_secrets(files: Sequence[Layer]) -> None:
    """Raises `SettingsError` for a secret written into a settings file, which gets copied, committed and shown."""
    for layer in files:
        for section, key in secret_paths():
            if layer.holds((section, key)):
                raise SettingsError(
                    f"{layer.locate((section, key))}: {section}.{key}: a secret must not stand in a settings file. "
                    f'Write it to a file of its own (mode 0600) and set {section}.{key}_file = "PATH", '
                    f"or set METRONOME__{section.upper()}__{key.upper()}, "
                    f"or give systemd's LoadCredential={section}_{key}:PATH."
                )


def read_secrets(files: Sequence[Layer], environment: Layer, variables: Mapping[str, str]) -> Layer:
    """Every secret that is not in `environment`, from the credentials directory or its `*_file` key, in this order.

    Raises `SettingsError` when a named file is missing, unreadable or empty.
    """
    values: dict[str, dict[str, Any]] = {}
    places: dict[KeyPath, str] = {}
    merged = merge([*files, environment])
    directory = variables.get(CREDENTIALS_VARIABLE)
    for section, key in secret_paths():
        if environment.holds((section, key)):
            continue
        credential = Path(directory) / f"{section}_{key}" if directory else None
        named = merged.get(section, {}).get(f"{key}_file") if isinstance(merged.get(section), Mapping) else None
        if credential is not None and credential.is_file():
            values.setdefault(section, {})[key] = _read(credential, f"credential {credential.name}")
            places[section, key] = f"credential {credential}"
        elif isinstance(named, str) and named.lower() not in NONE_WORDS:
            where = nearest_origin([*files, environment], (section, f"{key}_file")) or f"{section}.{key}_file"
            values.setdefault(section, {})[key] = _read(Path(named), f"{where}: {section}.{key}_file")
            places[section, key] = f"file {named}"
    return Layer(values, lambda path: places.get(path[:2], "secrets"))


def _read(path: Path, what: str) -> str:
    try:
        secret = path.read_text("utf-8").strip()
    except FileNotFoundError:
        raise SettingsError(f"{what}: {path} does not exist.") from None
    except PermissionError:
        raise SettingsError(
            f"{what}: no permission to read {path}. It must be readable by the user that runs this."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{what}: {path} cannot be read: {error}.") from None
    if not secret:
        raise SettingsError(f"{what}: {path} is empty.")
    return secret
