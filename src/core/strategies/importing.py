"""Executing user code at import: whatever it raises becomes a `SettingsError` with its place."""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from core.domain.errors import SettingsError
from core.strategies.verdict import place


@contextmanager
def executing(what: str) -> Iterator[None]:
    """Named boundary around user code that runs while a strategy is loaded. `SystemExit` counts as an error: a
    strategy must not end the worker."""
    try:
        yield
    except SettingsError:
        raise
    except SyntaxError as error:
        raise SettingsError(f"{what}: {error.filename}:{error.lineno}: SyntaxError: {error.msg}") from error
    except (Exception, SystemExit) as error:  # user code, which may raise anything: said with its place
        raise SettingsError(f"{what}: {place(error, whole_path=True)}: {type(error).__name__}: {error}") from error


def import_dotted(module_name: str) -> ModuleType:
    """Import `package.module`. Raises `SettingsError`, telling a module that is not there from one that fails."""
    with executing(f"module {module_name}"):
        try:
            return importlib.import_module(module_name)
        except ModuleNotFoundError as error:
            missing = error.name or ""
            if module_name == missing or module_name.startswith(missing + "."):
                raise SettingsError(
                    f"no module {missing!r} (wanted {module_name!r}): is its folder on PYTHONPATH, is it installed?"
                ) from None
            raise
