"""One exchange class of ccxt without the other hundred.

`import ccxt` loads every exchange: 0.5 s and 68 MB of resident memory on a warm machine, seconds on a cold one, and
`import ccxt.pro` twice as much again. One exchange's module alone takes 0.2 s and 31 MB, most of it what they share.
Python runs a package's `__init__` before any of its modules, so a stand-in package with ccxt's own search path is put
in its place. It hands out the exchanges, errors and the base class one by one; whatever else is asked of it runs the
real `__init__`. Code that does `import ccxt; ccxt.exchanges` still works, and pays.
"""

import importlib
import importlib.util
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

_lock = threading.Lock()
_PACKAGES = ("ccxt", "ccxt.async_support", "ccxt.pro")
_BASES = ("ccxt.base.errors", "ccxt.base.types")
"""Where the names live that ccxt's own modules import from the package."""


class _LazyPackage(ModuleType):
    """One of ccxt's packages before its `__init__` has run."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name not in ("__all__", "__version__"):
            raise AttributeError(name)  # the import system and debuggers probe for these
        found = self._found(name)
        if found is not None:
            return found
        self.__class__ = ModuleType  # type: ignore[assignment]  # Python allows it between modules
        if self.__spec__ is not None and self.__spec__.loader is not None:
            self.__spec__.loader.exec_module(self)
        return getattr(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        """The import system puts a module there where the real package has its class."""
        super().__setattr__(name, getattr(value, name, value) if type(value) is ModuleType else value)

    def _found(self, name: str) -> Any:
        """The exchange, error or base class of that name; `None` where only the whole package can tell."""
        if name == "Exchange":
            side = "" if self.__name__ == "ccxt" else ".async_support"
            return importlib.import_module(f"ccxt{side}.base.exchange").Exchange
        if name[:1].isupper():
            return next(
                (found for base in _BASES if (found := getattr(importlib.import_module(base), name, None))), None
            )
        module = f"{self.__name__}.{name}"
        try:
            return getattr(importlib.import_module(module), name, None)
        except ModuleNotFoundError as error:
            if error.name != module:
                raise
            return None


def exchange_class(name: str) -> Any:
    """The synchronous ccxt class called `name`, e.g. `binance`. Raises ModuleNotFoundError when ccxt has none."""
    return _class_in("ccxt", name)


def pro_exchange_class(name: str) -> Any:
    """The asynchronous class with streams called `name`. Raises ModuleNotFoundError when ccxt has none."""
    return _class_in("ccxt.pro", name)


def exchange_names() -> list[str]:
    """Every exchange that ccxt knows, without loading any; raises ModuleNotFoundError without ccxt."""
    return sorted(file.stem for file in _folder("abstract").glob("[a-z]*.py"))


def has_streams(name: str) -> bool:
    """Whether `pro_exchange_class` has it."""
    return (_folder("pro") / f"{name}.py").is_file()


def _folder(name: str) -> Path:
    spec = importlib.util.find_spec("ccxt")
    if spec is None or spec.submodule_search_locations is None:
        raise ModuleNotFoundError("ccxt is not installed", name="ccxt")
    return Path(next(iter(spec.submodule_search_locations))) / name


def _class_in(package: str, name: str) -> Any:
    with _lock:
        for each in _PACKAGES:
            if each not in sys.modules:
                _put_stand_in(each)
        loaded = sys.modules[package]
        found = getattr(loaded, name, None) if type(loaded) is ModuleType else _one_of(package, name)
    if not isinstance(found, type):
        raise ModuleNotFoundError(f"ccxt has no exchange called {name}", name=f"{package}.{name}")
    return found


def _one_of(package: str, name: str) -> Any:
    module = f"{package}.{name}"
    try:
        return getattr(importlib.import_module(module), name, None)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        return None


def _put_stand_in(name: str) -> None:
    spec = importlib.util.find_spec(name)
    if spec is None:
        raise ModuleNotFoundError("ccxt is not installed", name="ccxt")
    package = _LazyPackage(name)
    package.__spec__ = spec
    package.__path__ = list(spec.submodule_search_locations or ())
    package.__file__ = spec.origin
    package.__loader__ = spec.loader
    sys.modules[name] = package
    parent, _, child = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], child, package)
