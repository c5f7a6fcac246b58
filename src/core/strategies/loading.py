"""From a spec to a strategy that is known to be whole. Executes user code: call it in worker processes only."""

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError

from core.domain.errors import SettingsError
from core.domain.tickets import MANUAL
from core.models.booster import require_lightgbm
from core.strategies.analytics import ANALYTICS_WINDOW
from core.strategies.base import Strategy
from core.strategies.finding import find
from core.strategies.importing import executing
from core.strategies.spec import StrategyDescription, StrategySpec, parse_timeframe

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class LoadedStrategy:
    strategy: Strategy
    description: StrategyDescription


def load(spec: StrategySpec) -> LoadedStrategy:
    """Find, check and construct. Raises `SettingsError` saying what is wrong, where, and what would be right."""
    cls = _check_class(spec.use, find(spec.use, spec.directory))
    parameters = _parameters(cls, spec.parameters)
    if cls.asks_models:
        require_lightgbm()
    with executing(f"strategy {cls.name}"):
        strategy = cls(parameters)
        warmup: object = strategy.warmup
        shown = parameters.model_dump(mode="json")
    if isinstance(warmup, bool) or not isinstance(warmup, int) or warmup < 1:
        raise SettingsError(f"strategy {cls.name}: warmup is {warmup!r}, must be a whole number of candles, 1 or more")
    name = spec.name or cls.name
    if name == MANUAL:
        raise SettingsError(
            f"strategy {spec.use!r} (class {cls.__name__}) is called {name!r}, which is what orders by hand are called;"
            " give it another name, in its class or in the settings"
        )
    timeframe = spec.timeframe or parse_timeframe(cls.timeframe, f"strategy {cls.name}: timeframe")
    return LoadedStrategy(
        strategy,
        StrategyDescription(
            name=name,
            timeframe=timeframe,
            warmup=warmup,
            window=max(warmup, ANALYTICS_WINDOW),
            parameters=shown,
            asks_models=cls.asks_models,
        ),
    )


def _check_class(use: str, found: object) -> type[Strategy]:
    if not inspect.isclass(found) or not issubclass(found, Strategy):
        raise SettingsError(f"strategy {use!r} is not a Strategy: derive it from core.strategies.base.Strategy")
    lacks = sorted(found.__abstractmethods__)
    if not hasattr(found, "name"):
        lacks.append('name (a class attribute, e.g. name = "my_strategy")')
    if lacks:
        raise SettingsError(f"strategy {use!r} (class {found.__name__}) lacks {', '.join(lacks)}")
    if not isinstance(found.name, str) or not _NAME.fullmatch(found.name):
        raise SettingsError(f"strategy {use!r}: name is {found.name!r}, must be 1 to 64 letters, digits, _ or -")
    if not inspect.isclass(found.Parameters) or not issubclass(found.Parameters, BaseModel):
        raise SettingsError(
            f"strategy {use!r}: Parameters must be a pydantic model (derive it from Strategy.Parameters)"
        )
    return found


def _parameters(cls: type[Strategy], given: Mapping[str, Any]) -> BaseModel:
    faults = _unknown_keys(cls, given)
    known = {key: value for key, value in given.items() if not faults or key in cls.Parameters.model_fields}
    parameters: BaseModel | None = None
    with executing(f"strategy {cls.name}"):  # the validators are user code
        try:
            parameters = cls.Parameters.model_validate(known)
        except ValidationError as error:
            faults += [_complaint(cls, fault["loc"], fault["msg"], fault["input"]) for fault in error.errors()]
    if faults or parameters is None:
        raise SettingsError("\n".join(faults))
    return parameters


def _unknown_keys(cls: type[Strategy], given: Mapping[str, Any]) -> list[str]:
    """Also for models that ignore what they don't know: a misspelt parameter must not pass in silence."""
    config = cls.Parameters.model_config
    if config.get("extra") == "allow":
        return []
    fields = cls.Parameters.model_fields
    aliases = {field.alias for field in fields.values() if field.alias}
    return [_unknown_key(cls, key, list(fields)) for key in given if key not in fields and key not in aliases]


def _unknown_key(cls: type[Strategy], key: str, known: list[str]) -> str:
    near = get_close_matches(key, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(known) or 'none'}"
    return f"strategy {cls.name}: unknown parameter {key!r}; {hint}"


def _complaint(cls: type[Strategy], loc: tuple[int | str, ...], message: str, value: object) -> str:
    if not loc:  # a rule over several parameters: its message names them
        return f"strategy {cls.name}: parameters: {message.removeprefix('Value error, ')}"
    return f"strategy {cls.name}: parameters.{'.'.join(map(str, loc))} = {value!r}: {message}"
