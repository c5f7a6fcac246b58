"""The unit file as systemd itself reads it, and as the daemon's own numbers want it."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from core.settings.schema import secret_paths

EXPOSURE_LIMIT = 2.0


@pytest.fixture(scope="module")
def unit_file(checkout: Path) -> Path:
    return checkout / "systemd" / "metronome.service"


@pytest.fixture(scope="module")
def service(unit_file: Path) -> dict[str, list[str]]:
    """Keys of [Service], each with all its values."""
    values: dict[str, list[str]] = {}
    section = ""
    for line in unit_file.read_text().splitlines():
        if line.startswith("["):
            section = line
        elif section == "[Service]" and "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            values.setdefault(key, []).append(value)
    return values


@pytest.fixture(params=["metronome.service", "metronome-retrain.service"])
def runnable_unit(request: pytest.FixtureRequest, checkout: Path, tmp_path: Path) -> Path:
    """The unit with its paths pointing at this checkout, since systemd wants programs that exist."""
    unit_file = checkout / "systemd" / request.param
    text = unit_file.read_text().replace("/opt/metronome/.venv/bin/python", sys.executable)
    copy = tmp_path / unit_file.name
    copy.write_text(text.replace("/opt/metronome", str(checkout)))
    return copy


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    return subprocess.run(
        ["systemd-analyze", "--no-pager", *map(str, arguments)], check=False, capture_output=True, text=True
    )


def test_systemd_finds_nothing_wrong_with_it(runnable_unit: Path):
    done = analyze("verify", "--man=no", runnable_unit)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_systemd_finds_what_is_wrong_with_a_broken_one(runnable_unit: Path):
    runnable_unit.write_text(runnable_unit.read_text().replace("LimitCORE=0", "LimitCores=0"))
    assert "LimitCores" in analyze("verify", "--man=no", runnable_unit).stderr


def test_the_timer_starts_a_unit_that_exists(checkout: Path, tmp_path: Path):
    for name in ("metronome-retrain.timer", "metronome-retrain.service"):
        text = (checkout / "systemd" / name).read_text().replace("/opt/metronome/.venv/bin/python", sys.executable)
        (tmp_path / name).write_text(text.replace("/opt/metronome", str(checkout)))
    done = analyze("verify", "--man=no", tmp_path / "metronome-retrain.timer")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_it_is_hardened(runnable_unit: Path):
    done = analyze("security", "--offline=yes", f"--threshold={EXPOSURE_LIMIT * 10:.0f}", runnable_unit)
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    assert float(found[1]) < EXPOSURE_LIMIT
    assert done.returncode == 0


def test_it_restarts_what_stops_making_progress(service: dict[str, list[str]]):
    assert service["Type"] == ["notify"]
    assert service["Restart"] == ["always"]
    assert int(service["WatchdogSec"][0]) > 0
    assert service["StateDirectory"] == ["metronome"]


def test_it_reloads_by_the_signal_that_the_daemon_takes(service: dict[str, list[str]]):
    assert service["ExecReload"] == ["kill -HUP $MAINPID"]


def test_only_failures_that_a_person_must_mend_end_it(service: dict[str, list[str]]):
    assert service["RestartPreventExitStatus"] == ["2 5"]


def test_every_secret_of_the_settings_can_come_as_a_credential(service: dict[str, list[str]]):
    names = [value.partition(":")[0] for value in service["LoadCredential"]]
    assert sorted(names) == sorted(f"{section}_{key}" for section, key in secret_paths())


def test_credentials_may_be_absent(service: dict[str, list[str]]):
    """systemd fails the start for a missing credential only where its path is absolute."""
    assert all(not value.partition(":")[2].startswith("/") for value in service["LoadCredential"])


def test_the_settings_it_starts_with_are_where_the_installer_puts_them(service: dict[str, list[str]], checkout: Path):
    settings = service["ExecStart"][0].rpartition(" ")[2]
    assert f'settings="$destdir{settings}"' in (checkout / "systemd" / "install.sh").read_text()
