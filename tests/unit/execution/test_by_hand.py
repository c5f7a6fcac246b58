"""What an operator holds beside the strategies: told apart, and no stop goes for it."""

from decimal import Decimal
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from core.domain.facts import OrderState
from core.domain.orders import ClientOrderId, OrderStatus, Purpose, Side
from core.execution.by_hand import by_hand_after
from core.execution.order import Errand
from unit.execution.making import BTC, leg, proposal
from unit.execution.rig import Rig, a_venue, entry, exit_, rig_on

S = OrderState
HAND = ("manual",)


async def bought(
    rig: Rig, quantity: str, intent: str, stop: str | None = None, strategies: tuple[str, ...] = ()
) -> None:
    given_ = {"strategies": strategies} if strategies else {}
    await rig.until(rig.submit(entry(quantity, intent=intent, stop=stop, **given_)), S.FILLED)
    await rig.idle()


def stops(rig: Rig) -> list[Decimal]:
    return [one.quantity - one.filled_quantity for one in rig.venue.open_stops(BTC)]


def by_hand(rig: Rig) -> Decimal:
    return rig.executor.held_by_hand(BTC)


async def test_an_exit_by_hand_takes_what_is_by_hand_and_leaves_the_strategies_stop_where_it_is(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        await bought(rig, "1", "theirs", stop="90")
        await bought(rig, "2", "mine", strategies=HAND)
        assert by_hand(rig) == Decimal("1.998")
        await rig.until(rig.submit(exit_("1.5", strategies=HAND)), S.FILLED)
        await rig.idle()
        assert by_hand(rig) == Decimal("0.498")
        assert stops(rig) == [Decimal("0.999")] and "cancel" not in rig.venue.calls
        (duty,) = rig.executor.statistics().duties
        assert duty.held == "0.999"


async def test_an_exit_of_the_strategies_leaves_what_is_by_hand(tmp_path: Path) -> None:
    venue = a_venue()
    async with rig_on(tmp_path, venue) as rig:
        await bought(rig, "2", "mine", strategies=HAND)
        await bought(rig, "1", "theirs", stop="90")
        await rig.until(rig.submit(exit_("0.999")), S.FILLED)
        await rig.idle()
        assert by_hand(rig) == Decimal("1.998") == rig.executor.parts.books.held(BTC)
        assert stops(rig) == []
    async with rig_on(tmp_path, venue) as again:
        assert by_hand(again) == Decimal("1.998"), "a restart knows it"


async def test_what_a_stop_guards_goes_by_hand_at_once_and_its_stop_with_it(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        await bought(rig, "1", "theirs", stop="90")
        await rig.until(rig.submit(exit_("0.5", strategies=HAND)), S.FILLED)
        await rig.idle()
        assert (by_hand(rig), stops(rig)) == (0, [Decimal("0.499")])


async def test_a_resting_exit_by_hand_uncovers_nothing(tmp_path: Path) -> None:
    async with rig_on(tmp_path) as rig:
        await bought(rig, "1", "theirs", stop="90")
        await bought(rig, "1", "mine", strategies=HAND)
        assert rig.executor.parts.books.unguarded(BTC) == Decimal("0.999")
        out = proposal(leg("0.9", Side.SELL, "110"), intent="out", purpose=Purpose.EXIT, strategies=HAND)
        resting = rig.submit(out)
        await rig.until(resting, S.ACCEPTED)
        await rig.idle()
        assert rig.executor.parts.books.unguarded(BTC) == Decimal("0.099")
        assert stops(rig) == [Decimal("0.999")]
        rig.venue.move(BTC, "111")
        await rig.until(resting, S.FILLED)
        await rig.idle()
        assert stops(rig) == [Decimal("0.999")] and rig.venue.ledger()[resting].status is OrderStatus.FILLED


def errand(purpose: Purpose, *, is_by_hand: bool) -> Errand:
    return Errand(ClientOrderId("x"), purpose, None, is_by_hand=is_by_hand)


@given(
    st.lists(st.tuples(st.integers(-5, 5), st.booleans(), st.sampled_from([Purpose.ENTRY, Purpose.EXIT])), max_size=12)
)
def test_the_part_by_hand_is_never_more_than_the_whole_nor_on_its_other_side(
    trades: list[tuple[int, bool, Purpose]],
) -> None:
    after = whole = Decimal(0)
    for signed, is_by_hand, purpose in trades:
        before, taken = after, Decimal(signed)
        whole += taken
        after = by_hand_after(before, errand(purpose, is_by_hand=is_by_hand), taken, whole)
        assert abs(after) <= abs(whole) and after * whole >= 0
        if not is_by_hand and abs(before) <= abs(whole) and before * whole > 0:
            assert after == before, "what strategies do is theirs, while there is enough"
