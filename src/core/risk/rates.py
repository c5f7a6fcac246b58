"""What assets are worth in the account's currency, each looked up when somebody asks."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal

from core.domain.instruments import Instrument, InstrumentId, InstrumentKind


class Rates(Mapping[str, Decimal]):
    """Of the currency itself and of each asset that has a price in it. What was told once stays: of hundreds of assets
    few are asked for, and those often. Going through them, or counting them, looks all of them up."""

    def __init__(
        self,
        currency: str,
        sources: Mapping[str, Sequence[InstrumentId]],
        price: Callable[[InstrumentId], Decimal | None],
    ) -> None:
        """`sources`: see `sources_of`; `price`: what an instrument is worth now, `None` where nothing is known."""
        self._sources = sources
        self._price = price
        self._told: dict[str, Decimal | None] = {currency: Decimal(1)}

    def __getitem__(self, asset: str) -> Decimal:
        if asset not in self._told:
            prices = map(self._price, self._sources.get(asset, ()))
            self._told[asset] = next((price for price in prices if price is not None), None)
        rate = self._told[asset]
        if rate is None:
            raise KeyError(asset)
        return rate

    def __iter__(self) -> Iterator[str]:
        assets = dict.fromkeys((*self._told, *self._sources))
        return (asset for asset in assets if asset in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def sources_of(currency: str, instruments: Mapping[InstrumentId, Instrument]) -> dict[str, list[InstrumentId]]:
    """By asset, the spot instruments whose price is its rate: the first one that has a price."""
    sources: defaultdict[str, list[InstrumentId]] = defaultdict(list)
    for instrument_id, instrument in instruments.items():
        if instrument.quote == currency and instrument.kind is InstrumentKind.SPOT:
            sources[instrument.base].append(instrument_id)
    return dict(sources)
