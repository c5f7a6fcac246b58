"""The whole tree of settings. Only `core.app` and `core.cli` may hold it; a component gets its section."""

from pydantic import Field

from core.settings.api import ApiSettings
from core.settings.compute import ComputeSettings
from core.settings.decisions import DecisionsSettings
from core.settings.execution import ExecutionSettings
from core.settings.history import HistorySettings
from core.settings.leaks import LeaksSettings
from core.settings.logging import LoggingSettings
from core.settings.models import ModelsSettings
from core.settings.notify import NotifySettings
from core.settings.risk import RiskSettings, SizingSettings
from core.settings.section import Section
from core.settings.simulation import SimulationSettings
from core.settings.slicing import SlicingSettings
from core.settings.storage import StorageSettings
from core.settings.trading import TradingSettings
from core.settings.universe import UniverseSettings
from core.settings.venue import VenueSettings
from core.settings.watchdog import WatchdogSettings


class Settings(Section):
    trading: TradingSettings = Field(default_factory=TradingSettings)
    universe: UniverseSettings = Field(default_factory=UniverseSettings)
    venue: VenueSettings = Field(default_factory=VenueSettings)
    sizing: SizingSettings = Field(default_factory=SizingSettings)
    slicing: SlicingSettings = Field(default_factory=SlicingSettings)
    risk: RiskSettings = Field(default_factory=RiskSettings)
    execution: ExecutionSettings = Field(default_factory=ExecutionSettings)
    storage: StorageSettings = Field(default_factory=StorageSettings)
    compute: ComputeSettings = Field(default_factory=ComputeSettings)
    history: HistorySettings = Field(default_factory=HistorySettings)
    models: ModelsSettings = Field(default_factory=ModelsSettings)
    api: ApiSettings = Field(default_factory=ApiSettings)
    decisions: DecisionsSettings = Field(default_factory=DecisionsSettings)
    notify: NotifySettings = Field(default_factory=NotifySettings)
    logging: LoggingSettings = Field(default_factory=LoggingSettings)
    watchdog: WatchdogSettings = Field(default_factory=WatchdogSettings)
    leaks: LeaksSettings = Field(default_factory=LeaksSettings)
    simulation: SimulationSettings = Field(default_factory=SimulationSettings)
