"""The installer below a folder of its own: shows first, does it once, never overwrites settings."""

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from core.settings.load import load_settings


@pytest.fixture
def installer(checkout: Path) -> Path:
    return checkout / "systemd" / "install.sh"


def run(installer: Path, destdir: Path | None, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], **({"DESTDIR": str(destdir)} if destdir else {})}
    return subprocess.run([installer, *arguments], check=False, capture_output=True, text=True, env=environment)


def files_below(folder: Path) -> set[str]:
    return {str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file()}


def test_shows_what_it_would_do_and_does_nothing(installer: Path, tmp_path: Path):
    done = run(installer, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "would     copy the code" in done.stdout
    assert "Nothing was changed" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_does_it_once(installer: Path, tmp_path: Path):
    done = run(installer, tmp_path, "--apply")
    assert (done.returncode, done.stderr) == (0, "")
    installed = files_below(tmp_path)
    assert {
        "opt/metronome/live_bot.py",
        "opt/metronome/src/core/cli/main.py",
        "opt/metronome/requirements.lock",
        "etc/metronome/metronome.toml",
        "etc/systemd/system/metronome.service",
        "etc/systemd/system/metronome-retrain.service",
        "etc/systemd/system/metronome-retrain.timer",
    } <= installed
    assert stat.S_IMODE((tmp_path / "etc/credstore").stat().st_mode) == 0o700

    again = run(installer, tmp_path, "--apply")
    assert again.returncode == 0
    assert "doing" not in again.stdout
    assert files_below(tmp_path) == installed


def test_the_settings_it_writes_load_and_keep_state_where_the_unit_does(
    installer: Path, tmp_path: Path, checkout: Path
):
    for example in sorted((checkout / "config").glob("*.toml")):
        destdir = tmp_path / example.stem
        assert run(installer, destdir, "--apply", "--config", str(example)).returncode == 0
        settings = load_settings([destdir / "etc/metronome/metronome.toml"]).settings
        assert settings.storage.data_dir == Path("/var/lib/metronome")


def test_new_code_is_copied_and_settings_stay(installer: Path, tmp_path: Path):
    run(installer, tmp_path, "--apply")
    settings = tmp_path / "etc/metronome/metronome.toml"
    settings.write_text("# mine\n")
    code = tmp_path / "opt/metronome/live_bot.py"
    code.write_text("# old\n")
    assert run(installer, tmp_path, "--apply").returncode == 0
    assert settings.read_text() == "# mine\n"
    assert code.read_text() != "# old\n"


@pytest.mark.parametrize("arguments", [("--nonsense",), ("--config",), ("--config", "/no/such/file")])
def test_wrong_usage_is_refused(installer: Path, tmp_path: Path, arguments: tuple[str, ...]):
    done = run(installer, tmp_path, *arguments)
    assert done.returncode != 0
    assert done.stderr
    assert list(tmp_path.iterdir()) == []


def test_shell_scripts_are_clean(checkout: Path):
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed")
    scripts = [checkout / ".ci" / "run", *sorted((checkout / "systemd").glob("*.sh"))]
    done = subprocess.run(["shellcheck", *scripts], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
