"""The record of decisions and messages to people, by a real daemon: whatever becomes of either, it trades."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from core.decision_ledger.reader import DecisionLedgerReader
from core.settings.load import load_settings
from core.single_writer import account_name
from integration.daemon.bot import SYMBOLS, bot
from unit.notify.test_services import receiver

pytestmark = [pytest.mark.processes, pytest.mark.slow, pytest.mark.timeout(300)]


def test_each_trade_is_explained_after_a_kill_and_told_to_people(tmp_path: Path) -> None:
    settings = load_settings((), {}, {}).settings
    ledger = tmp_path / "decisions" / f"paper-sim-{account_name(settings)}.sqlite"
    ledger.parent.mkdir()
    ledger.write_bytes(b"what a broken disk has left" * 1_000)
    with receiver() as phone, bot(tmp_path, NOTIFY__URLS=phone.url) as daemon:
        daemon.mood = "long"
        daemon.until(lambda: daemon.traded("buy"))
        assert daemon.next("decision_ledger_set_aside")["kept_as"].endswith(".set-aside")
        daemon.until(lambda: sum("bought" in each["message"] + each["title"] for each in phone.got) >= len(SYMBOLS))
        daemon.mood = "hold"
        record = DecisionLedgerReader(ledger)
        daemon.until(
            lambda: all(any("order filled" in each.sentence for each in record.decisions(of, 100)) for of in SYMBOLS)
        )
        daemon.kill()
        assert not daemon.is_running
        assert all("filled" in bought(daemon.command("why", symbol, "--json", "-n", "100")) for symbol in SYMBOLS)
        table = daemon.command("why", "--summary", "--since", "2000-01-01").stdout
        assert all(symbol in table for symbol in SYMBOLS)
        whole = daemon.command("bundle", "-o", str(tmp_path / "bundle.tar.gz"))
        assert whole.returncode == 0, whole.stderr


def bought(done: "subprocess.CompletedProcess[str]") -> str:
    """What is said of the trade among the decisions."""
    assert done.returncode == 0, done.stderr
    lines = json.loads(done.stdout)["decisions"]
    return next((line["sentence"] for line in lines if line["outcome"] == "TRADE"), "")


def test_a_ledger_s_full_disk_costs_the_record_and_nothing_else(tmp_path: Path) -> None:
    if shutil.which("unshare") is None:
        pytest.skip("unshare is absent")
    decisions = tmp_path / "decisions"
    decisions.mkdir()
    mount = (
        f'mount -t tmpfs -o size=128k tmpfs "{decisions}" || exit 77; '
        f'head -c 100000 /dev/zero > "{decisions}/filler"; exec "$@"'
    )
    prefix = ("unshare", "-rm", "sh", "-c", mount, "sh")
    if subprocess.run([*prefix, "true"], check=False, capture_output=True).returncode:
        pytest.skip("mount namespaces are not allowed here")
    with bot(tmp_path, prefix=prefix, STORAGE__MIN_FREE_DISK_MB="0") as daemon:
        daemon.mood = "pulse"
        assert "full" in daemon.next("decision_ledger_failed")["reason"]
        daemon.until(lambda: daemon.traded("buy") and daemon.traded("sell"))
        assert "full" in daemon.status()["decision_ledger"]["failure"]
