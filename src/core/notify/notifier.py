"""All couriers of a daemon, one for each service that is to be told."""

import asyncio
from collections.abc import Sequence

from core.domain.notices import Notice
from core.domain.status import CourierStatus
from core.notify.courier import Courier
from core.notify.delivery import Rules
from core.notify.services import AppriseService
from core.ports.clock import MonotonicClock
from core.settings.notify import NotifySettings


class Notifier:
    """`tell` never waits; `run` is a task."""

    def __init__(self, couriers: Sequence[Courier]) -> None:
        self._couriers = tuple(couriers)

    @staticmethod
    def of(settings: NotifySettings, monotonic: MonotonicClock) -> "Notifier":
        """Raises `SettingsError` for a URL that is none, and where there are URLs but no apprise."""
        rules = Rules.of(settings)
        services = (AppriseService(url, number) for number, url in enumerate(settings.each_url(), 1))
        return Notifier([Courier(each, rules, timeout_s=settings.timeout_s, monotonic=monotonic) for each in services])

    def use(self, settings: NotifySettings) -> None:
        """Other rules from now on, for what waits, too; the services stay."""
        rules = Rules.of(settings)
        for courier in self._couriers:
            courier.use(rules, settings.timeout_s)

    def tell(self, notice: Notice) -> None:
        for courier in self._couriers:
            courier.tell(notice)

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for courier in self._couriers:
                tasks.create_task(courier.run())
            await asyncio.get_running_loop().create_future()

    async def flush(self, timeout_s: float) -> None:
        """One more chance for what waits, once `run` is at its end. Cancelling is safe."""
        await asyncio.gather(*(courier.flush(timeout_s) for courier in self._couriers))

    def statistics(self) -> tuple[CourierStatus, ...]:
        return tuple(courier.statistics() for courier in self._couriers)
