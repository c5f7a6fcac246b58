from pathlib import Path

import pytest

from core.domain.errors import SettingsError
from core.settings.consent import require_live_consent
from core.settings.load import load_settings
from core.settings.show import MASK, show_settings
from core.settings.tree import Settings
from unprivileged import as_nobody

KEY, SECRET = "an-api-key-of-ours", "a-secret-of-ours"


def secret_of(settings: Settings) -> str | None:
    return settings.venue.secret.get_secret_value() if settings.venue.secret else None


def test_a_secret_in_a_settings_file_is_refused_and_not_repeated(tmp_path: Path):
    file = tmp_path / "my.toml"
    file.write_text(f'[venue]\nname = "sim"\nsecret = "{SECRET}"\n')
    with pytest.raises(SettingsError) as caught:
        load_settings([file])
    assert str(caught.value).startswith(f"{file}:3: venue.secret: a secret must not stand in a settings file.")
    assert "venue.secret_file" in str(caught.value)
    assert "METRONOME__VENUE__SECRET" in str(caught.value)
    assert SECRET not in str(caught.value)


def test_environment_wins_over_credential_which_wins_over_file(tmp_path: Path):
    named = tmp_path / "named"
    named.write_text("from file\n")
    file = tmp_path / "my.toml"
    file.write_text(f'[venue]\nsecret_file = "{named}"\n')
    assert secret_of(load_settings([file]).settings) == "from file"

    (tmp_path / "venue_secret").write_text("from credential\n")
    variables = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert secret_of(load_settings([file], variables).settings) == "from credential"

    variables["METRONOME__VENUE__SECRET"] = "from environment"
    assert secret_of(load_settings([file], variables).settings) == "from environment"


def test_a_credentials_folder_without_ours_changes_nothing(tmp_path: Path):
    assert secret_of(load_settings(environment={"CREDENTIALS_DIRECTORY": str(tmp_path)}).settings) is None


def test_a_secret_that_looks_like_a_number_stays_text():
    assert secret_of(load_settings(environment={"METRONOME__VENUE__SECRET": "0123"}).settings) == "0123"


@pytest.mark.parametrize(
    ("content", "said"), [(None, "does not exist"), (b" \n", "is empty"), (b"\xff\xfe", "cannot be read")]
)
def test_a_file_of_a_secret_that_is_of_no_use_says_so(tmp_path: Path, content: bytes | None, said: str):
    named = tmp_path / "named"
    if content is not None:
        named.write_bytes(content)
    file = tmp_path / "my.toml"
    file.write_text(f'[venue]\nsecret_file = "{named}"\n')
    with pytest.raises(SettingsError, match=said) as caught:
        load_settings([file])
    assert str(caught.value).startswith(f"{file}:2: venue.secret_file: ")


def test_a_file_of_a_secret_without_permission_says_so(walkable_path: Path):
    named = walkable_path / "named"
    named.write_text(SECRET)
    named.chmod(0o600)

    def load() -> str:
        with pytest.raises(SettingsError) as caught:
            load_settings(environment={"METRONOME__VENUE__SECRET_FILE": str(named)})
        return str(caught.value)

    if named.stat().st_uid != 0:
        named.chmod(0)
    said = as_nobody(load)
    assert f"no permission to read {named}" in said
    assert SECRET not in said


def test_a_wrong_secret_is_not_shown():
    with pytest.raises(SettingsError) as caught:
        load_settings(environment={"METRONOME__API__TOKEN": "short"})
    assert "api.token: got a secret (not shown)" in str(caught.value)
    assert '"short"' not in str(caught.value)


def test_shown_settings_load_again_and_hold_no_secret(tmp_path: Path):
    variables = {
        "METRONOME__VENUE__API_KEY": KEY,
        "METRONOME__VENUE__SECRET": SECRET,
        "METRONOME__TRADING__STRATEGIES": '[{"use": "x", "parameters": {"fast window": 3, "names": ["a\\"b"]}}]',
        "METRONOME__SIMULATION__DEPOSIT": '{"USDT": "0.10"}',
    }
    loaded = load_settings(environment=variables)
    shown = show_settings(loaded)
    assert KEY not in shown
    assert SECRET not in shown
    assert f'# secret = "{MASK}"  # environment METRONOME__VENUE__SECRET' in shown.splitlines()
    assert "# token: not set" in shown.splitlines()
    assert "cooldown_s = 0.0  # default" in shown.splitlines()

    again = tmp_path / "again.toml"
    again.write_text(shown)
    secrets = {name: variables[name] for name in ("METRONOME__VENUE__API_KEY", "METRONOME__VENUE__SECRET")}
    assert load_settings([again], secrets).settings == loaded.settings


def consent(**variables: str) -> None:
    settings = load_settings(environment={f"METRONOME__{name}": value for name, value in variables.items()}).settings
    require_live_consent(settings.trading, settings.venue)


def test_paper_needs_neither_keys_nor_consent():
    consent()
    consent(VENUE__API_KEY=KEY, VENUE__SECRET=SECRET)


def test_live_needs_both_consent_and_keys():
    consent(TRADING__MODE="live", TRADING__ACCEPT_LIVE_TRADING="true", VENUE__API_KEY=KEY, VENUE__SECRET=SECRET)
    with pytest.raises(SettingsError, match="--i-accept-live-trading"):
        consent(TRADING__MODE="live", VENUE__API_KEY=KEY, VENUE__SECRET=SECRET)
    with pytest.raises(SettingsError, match=r"venue\.api_key and venue\.secret are missing"):
        consent(TRADING__MODE="live", TRADING__ACCEPT_LIVE_TRADING="true")


@pytest.mark.parametrize(("given", "missing"), [("API_KEY", "secret"), ("SECRET", "api_key")])
def test_half_a_pair_of_keys_is_refused_in_every_mode(given: str, missing: str):
    with pytest.raises(SettingsError, match=rf"venue\.{missing} is missing"):
        consent(**{f"VENUE__{given}": "x"})


def test_the_password_in_a_url_is_not_shown():
    url = "postgresql+psycopg://bot:{password}@db.example:5432/journal"
    shown = show_settings(load_settings([], {"METRONOME__STORAGE__JOURNAL_URL": url.format(password="hunter2:x")}))
    (line,) = (line for line in shown.splitlines() if "journal_url" in line)
    assert line.startswith(f'# journal_url = "{url.format(password=MASK)}"')
    plain = show_settings(load_settings([], {"METRONOME__STORAGE__JOURNAL_URL": "sqlite:///journal.sqlite"}))
    assert 'journal_url = "sqlite:///journal.sqlite"' in plain
