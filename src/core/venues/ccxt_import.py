"""One exchange class of ccxt without the other hundred.

`import ccxt` loads every exchange: 0.5 s and 68 MB of resident memory on a warm machine, seconds on a cold one. One
exchange's module alone takes 0.2 s and 31 MB, most of it what they share. Python runs a package's `__init__` before any
of its modules, so a stand-in package with ccxt's own search path is put in its place; the first attribute that the
stand-in does not have runs the real `__init__`. Code that does `import ccxt; ccxt.kraken()` still works, and pays.
"""

import importlib
import importlib.util
import sys
import threading
from types import ModuleType
from typing import Any

_lock = threading.Lock()


class _LazyPackage(ModuleType):
    """ccxt before its `__init__` has run."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name not in ("__all__", "__version__"):
            raise AttributeError(name)  # the import system and debuggers probe for these
        self.__class__ = ModuleType  # type: ignore[assignment]  # Python allows it between modules
        if self.__spec__ is not None and self.__spec__.loader is not None:
            self.__spec__.loader.exec_module(self)
        return getattr(self, name)


def exchange_class(name: str) -> Any:
    """The synchronous ccxt class called `name`, e.g. `binance`. Raises ModuleNotFoundError when ccxt has none."""
    with _lock:
        loaded = sys.modules.get("ccxt")
        if loaded is None:
            loaded = _stand_in()
        if type(loaded) is ModuleType:
            return _attribute(loaded, name)
        module = importlib.import_module(f"ccxt.{name}")
        loaded.__dict__.pop(name, None)  # the import put the module there; in the real package it is the class
        return _attribute(module, name)


def _attribute(module: ModuleType, name: str) -> Any:
    try:
        return getattr(module, name)
    except AttributeError:
        raise ModuleNotFoundError(f"ccxt has no exchange called {name}", name=f"ccxt.{name}") from None


def _stand_in() -> ModuleType:
    spec = importlib.util.find_spec("ccxt")
    if spec is None:
        raise ModuleNotFoundError("ccxt is not installed", name="ccxt")
    package = _LazyPackage("ccxt")
    package.__spec__ = spec
    package.__path__ = list(spec.submodule_search_locations or ())
    package.__file__ = spec.origin
    package.__loader__ = spec.loader
    sys.modules["ccxt"] = package
    return package
