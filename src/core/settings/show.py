"""The resolved settings as TOML, each value with its origin, secrets masked."""

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from pydantic import SecretStr

from core.settings.load import LoadedSettings
from core.settings.section import Section
from core.settings.tree import Settings

MASK = "********"
_PASSWORD = re.compile(r"(://[^:/@\s]*):[^@\s]+@")
"""Of a URL: `driver://user:password@host`."""


def show_settings(loaded: LoadedSettings) -> str:
    """TOML that loads again as it stands, but for the secrets, which are comments."""
    return "\n\n".join("\n".join(_section(loaded, name)) for name in type(loaded.settings).model_fields) + "\n"


def masked_settings(settings: Settings) -> dict[str, dict[str, Any]]:
    """Section -> key -> value, in plain values, secrets masked."""
    return {name: _masked(getattr(settings, name)) for name in type(settings).model_fields}


def _masked(section: Section) -> dict[str, Any]:
    shown: dict[str, Any] = section.model_dump(mode="json")
    for key, value in shown.items():
        if key_is_secret(section, key):
            shown[key] = None if value is None else MASK
        elif isinstance(value, str):
            shown[key] = _PASSWORD.sub(rf"\1:{MASK}@", value)
    return shown


def _section(loaded: LoadedSettings, name: str) -> Iterator[str]:
    yield f"[{name}]"
    section = getattr(loaded.settings, name)
    for key in type(section).model_fields:
        value = getattr(section, key)
        source = loaded.origin((name, key))
        if isinstance(value, SecretStr):
            yield f'# {key} = "{MASK}"  # {source}'
        elif key_is_secret(section, key):
            yield f"# {key}: not set"
        elif isinstance(value, str) and _PASSWORD.search(value):
            masked = _PASSWORD.sub(rf"\1:{MASK}@", value)
            yield f"# {key} = {_toml(masked)}  # {source}"
        else:
            yield f"{key} = {_toml(value)}  # {source}"


def key_is_secret(section: Section, key: str) -> bool:
    return "SecretStr" in str(type(section).model_fields[key].annotation)


def _toml(value: Any) -> str:
    match value:
        case None:
            return '"none"'
        case bool():
            return str(value).lower()
        case int() | float() | Decimal():
            return str(value)
        case Section():
            return _toml({key: getattr(value, key) for key in type(value).model_fields})
        case dict():
            return (
                "{ " + ", ".join(f"{_key(key)} = {_toml(item)}" for key, item in value.items()) + " }"
                if value
                else "{}"
            )
        case list() | tuple():
            return "[" + ", ".join(_toml(item) for item in value) + "]"
    return json.dumps(str(value), ensure_ascii=False)


def _key(name: str) -> str:
    return name if name.replace("_", "").replace("-", "").isalnum() and name.isascii() else json.dumps(name)
