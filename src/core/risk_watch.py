"""Looks at the vital signs every few seconds, and has the kill switch heed them."""

from collections.abc import Callable
from functools import partial

from core.domain.freshness import Moment
from core.kill_switch import KillSwitch
from core.risk.account import Account
from core.risk.triggers import alarms, strictest
from core.runtime.scheduler import Scheduler
from core.settings.risk import RiskSettings
from core.vitals import VitalSigns

_EVERY_S = 2.0


class RiskWatch:
    def __init__(
        self,
        kill_switch: KillSwitch,
        vitals: VitalSigns,
        account: Account,
        *,
        settings: RiskSettings,
        now: Callable[[], Moment],
    ) -> None:
        self._kill_switch = kill_switch
        self._vitals = vitals
        self._account = account
        self._settings = settings
        self._now = now

    def use(self, settings: RiskSettings) -> None:
        """From the next look on; no level is taken back by a limit that is looser."""
        self._settings = settings

    def begin(self, scheduler: Scheduler) -> None:
        self._vitals.begin_anew()  # however long the start has waited, no feed could have been live
        scheduler.every("risk state", _EVERY_S, self._look, first_in_s=0.1)
        self._kill_switch.save_soon(partial(scheduler.trigger, "risk state"))

    async def _look(self) -> None:
        self._account.observe(self._now())
        self._kill_switch.heed(strictest(alarms(self._vitals.read(), self._settings)))
        await self._kill_switch.save()
