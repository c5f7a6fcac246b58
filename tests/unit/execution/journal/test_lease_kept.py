"""The lease on real databases: taken with the journal, renewed, waited for, lost, released."""

import asyncio
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, insert, text
from sqlalchemy.pool import NullPool

from core.domain.errors import JournalError, LeaseHeld, LeaseLost, VenueUnavailable
from core.domain.orders import IntentId
from core.execution.journal.identity import JournalIdentity
from core.execution.journal.journal import Journal
from core.execution.journal.lease import Holder, LeaseTerms
from core.execution.journal.lease_table import LEASES
from core.execution.journal.processes import this_process
from core.execution.journal.records import RequestRecorded
from core.runtime.clocks import SystemBootClock
from core.runtime.fence import RequestFence
from tests.postgres import PostgresServer
from tests.waiting import eventually
from unit.execution.making import order

IDENTITY = JournalIdentity("live", "sim", "main")
HOUR_S = 3_600.0


@dataclass(frozen=True, slots=True)
class OftenRenewed(LeaseTerms):
    """Too long to lapse on a busy machine, and looked after all the same."""

    length_s: float = 60.0

    @property
    def renew_s(self) -> float:
        return 0.1


BRIEF = LeaseTerms(length_s=1.5, grace_s=0.2)
"""For those who see it lapse."""
DEAD = Holder("left", "box", 2**22 + 1, this_process().place, "1", "2026-11-22 10:00:00 UTC")
"""No kernel gives a process this number."""
UNSEEN = replace(DEAD, place=f"{this_process().place.split()[0]} pid:[1]")
OF_ANOTHER_KERNEL = replace(DEAD, place="another pid:[1]")


class Place:
    """Where the journal is."""

    def __init__(self, folder: Path, url: str | None) -> None:
        self.folder = folder
        self.url = url
        self.file = folder / "journal" / f"{IDENTITY.file_stem}.sqlite"

    def journal(
        self, fence: RequestFence | None = None, terms: LeaseTerms | None = None, *, busy_timeout_s: float = 30.0
    ) -> Journal:
        return Journal(
            IDENTITY, data_dir=self.folder, url=self.url, busy_timeout_s=busy_timeout_s, terms=terms, fence=fence
        )

    def execute(self, statement: Any) -> list[Any]:
        engine = create_engine(self.url or f"sqlite:///{self.file}", poolclass=NullPool)
        with engine.begin() as connection:
            done = connection.execute(statement)
            return list(done) if done.returns_rows else []

    def now_ns(self) -> int:
        if self.url is None:
            return SystemBootClock().now_ns()
        return int(self.execute(text("SELECT EXTRACT(EPOCH FROM clock_timestamp()) * 1000000000"))[0][0])

    async def leave(self, holder: Holder, *, expires_in_s: float, grace_s: float = 0.0) -> None:
        """A lease as a process has left it that did not stop in order."""
        made = self.journal()
        await made.open(None)
        await made.close()
        fields = {name: getattr(holder, name) for name in ("token", "host", "pid", "place", "started", "since")}
        whose = {"mode": "live", "venue": "sim", "account": "main", "grace_ns": int(grace_s * 1e9)}
        row = {**fields, **whose, "expires_ns": self.now_ns() + int(expires_in_s * 1e9)}
        self.execute(insert(LEASES).values(**row))

    def expires_ns(self) -> int:
        ((found,),) = self.execute(text("SELECT expires_ns FROM leases"))
        return int(found)

    def tokens(self) -> list[str]:
        return [token for (token,) in self.execute(text("SELECT token FROM leases"))]


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return Place(tmp_path, None if request.param == "sqlite" else request.getfixturevalue("postgres").new_database())


@pytest.fixture
def file_place(tmp_path: Path) -> Place:
    return Place(tmp_path, None)


async def takes_at_once(place: Place) -> None:
    waits: list[str] = []
    journal = place.journal()
    await journal.open(None, waits.append)
    assert waits == []
    assert len(place.tokens()) == 1
    await journal.close()
    assert place.tokens() == []


async def test_a_second_one_is_refused_with_the_holders_name_until_the_first_has_closed(place: Place) -> None:
    first, second = place.journal(), place.journal()
    await first.open(None)
    who = rf"^the account live sim main is traded by process {this_process().pid} on .*, which has it since 20"
    with pytest.raises(LeaseHeld, match=who) as caught:
        await second.open(None)
    assert caught.value.exit_code == 5
    await first.append([RequestRecorded(order())])
    assert await first.close()
    await second.open(None)
    assert (await second.load()).n_orders == 1
    await second.close()


async def test_another_account_in_the_same_database_is_another_lease(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'both.sqlite'}"
    both = [Journal(replace(IDENTITY, account=name), data_dir=tmp_path, url=url) for name in ("one", "two")]
    for each in both:
        await each.open(None)
    for each in both:
        await each.close()


async def test_a_lease_is_renewed_for_as_long_as_its_journal_is_open(place: Place) -> None:
    journal = place.journal(terms=OftenRenewed())
    await journal.open(None)
    watching = asyncio.create_task(journal.watch_lease())
    for _ in range(2):
        before_ns = place.expires_ns()
        await eventually(lambda before_ns=before_ns: place.expires_ns() > before_ns)
    assert not watching.done()
    watching.cancel()
    await journal.close()


async def test_the_lease_of_a_process_that_is_gone_is_taken_at_once(place: Place) -> None:
    await place.leave(DEAD, expires_in_s=HOUR_S, grace_s=HOUR_S)
    await takes_at_once(place)


async def test_a_pid_that_is_used_again_is_not_the_holder(place: Place) -> None:
    await place.leave(replace(this_process(), started="1"), expires_in_s=HOUR_S)
    await takes_at_once(place)


async def test_a_lease_that_has_been_over_for_long_is_taken_at_once(place: Place) -> None:
    await place.leave(UNSEEN, expires_in_s=-HOUR_S)
    await takes_at_once(place)


async def test_after_a_restart_of_the_machine_a_files_lease_is_over(file_place: Place) -> None:
    await file_place.leave(OF_ANOTHER_KERNEL, expires_in_s=HOUR_S)
    await takes_at_once(file_place)


async def test_a_holder_that_cannot_be_seen_is_waited_for_with_the_reason(place: Place) -> None:
    await place.leave(UNSEEN, expires_in_s=0.0, grace_s=HOUR_S)
    waits: list[str] = []
    free_ns = 0

    def shorten(why: str) -> None:
        """Once it is waited for: to what takes more than one look."""
        nonlocal free_ns
        waits.append(why)
        free_ns = place.now_ns() + 700_000_000
        place.execute(text(f"UPDATE leases SET grace_ns = {free_ns - place.expires_ns()}"))

    journal = place.journal()
    await journal.open(None, shorten)
    assert place.now_ns() >= free_ns
    (why,) = waits
    assert f"process {DEAD.pid} on box" in why
    assert "whether it still runs can't be seen from here" in why
    assert "may reach the venue for 3600 s more" in why
    await journal.close()


async def test_a_holder_that_renews_while_it_is_waited_for_is_at_work(place: Place) -> None:
    await place.leave(UNSEEN, expires_in_s=HOUR_S)

    def renew(_: str) -> None:
        place.execute(text("UPDATE leases SET expires_ns = expires_ns + 1"))

    with pytest.raises(LeaseHeld, match="and is renewed while it works"):
        await place.journal().open(None, renew)
    assert place.tokens() == ["left"]


async def test_waiting_can_be_cancelled(place: Place) -> None:
    await place.leave(UNSEEN, expires_in_s=HOUR_S)
    waits: list[str] = []
    opening = asyncio.create_task(place.journal().open(None, waits.append))
    await eventually(lambda: waits)
    opening.cancel()
    await asyncio.wait([opening])
    assert opening.cancelled()
    assert place.tokens() == ["left"]


async def test_a_holder_whose_lease_was_taken_writes_nothing_sends_nothing_and_says_whose_it_is(place: Place) -> None:
    fence = RequestFence()
    journal = place.journal(fence)
    await journal.open(None)
    place.execute(text("UPDATE leases SET token = 'other', host = 'elsewhere', pid = 77"))
    with pytest.raises(LeaseLost, match="belongs to process 77 on elsewhere") as caught:
        await journal.append([RequestRecorded(order())])
    assert caught.value.exit_code == 5
    with pytest.raises(LeaseLost, match="belongs to process 77 on elsewhere"):
        await journal.watch_lease()
    with pytest.raises(VenueUnavailable, match="is lost"):
        fence.left_ms()
    assert not journal.is_writable
    await journal.close()
    assert place.tokens() == ["other"], "not ours to release"
    assert place.execute(text("SELECT count(*) FROM requests")) == [(0,)]


async def test_the_keeper_finds_out_by_itself(place: Place) -> None:
    journal = place.journal(terms=OftenRenewed())
    await journal.open(None)
    place.execute(text("DELETE FROM leases"))
    with pytest.raises(LeaseLost, match="its row was deleted"):
        await journal.watch_lease()
    await journal.close()


def is_shut(fence: RequestFence) -> bool:
    try:
        fence.left_ms()
    except VenueUnavailable:
        return True
    return False


async def test_a_file_that_cannot_be_written_shuts_the_fence_until_it_can(file_place: Place) -> None:
    """Nobody else can take the lease there either."""
    fence = RequestFence()
    journal = file_place.journal(fence, BRIEF, busy_timeout_s=0.05)
    await journal.open(None)
    watching = asyncio.create_task(journal.watch_lease())
    locker = sqlite3.connect(file_place.file)
    locker.execute("BEGIN IMMEDIATE")
    await eventually(lambda: is_shut(fence) and SystemBootClock().now_ns() > file_place.expires_ns())
    with pytest.raises(JournalError, match="locked"):
        await journal.append([RequestRecorded(order())])
    locker.rollback()
    locker.close()
    await eventually(lambda: not is_shut(fence))
    assert not watching.done()
    await journal.append([RequestRecorded(order(intent=IntentId("later")))])
    watching.cancel()
    await journal.close()


@pytest.mark.slow
async def test_a_server_that_does_not_answer_until_the_lease_is_over_ends_it(
    tmp_path: Path, own_postgres: PostgresServer
) -> None:
    fence = RequestFence()
    journal = Place(tmp_path, own_postgres.new_database()).journal(fence, BRIEF)
    await journal.open(None)
    own_postgres.pause()
    with pytest.raises(LeaseLost, match=r"could not be reached for 1\.5 s"):
        await journal.watch_lease()
    assert is_shut(fence)
    own_postgres.resume()
    await journal.close()


@pytest.fixture
def own_postgres(postgres: PostgresServer) -> Iterator[PostgresServer]:
    """For those who pause it; others of this process wait their turn anyway."""
    yield postgres
    postgres.resume()


async def test_while_a_request_is_out_the_lease_is_left_to_lapse(place: Place) -> None:
    fence = RequestFence()
    journal = place.journal(fence, LeaseTerms(length_s=60.0, grace_s=0.2))
    await journal.open(None)
    with fence.let_out():
        await journal.close()
    assert len(place.tokens()) == 1
