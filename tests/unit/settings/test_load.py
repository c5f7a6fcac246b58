from decimal import Decimal
from pathlib import Path

import pytest

from core.domain.errors import SettingsError
from core.domain.instruments import InstrumentKind
from core.settings.load import load_settings
from core.settings.show import show_settings
from core.settings.trading import TradingSettings
from core.settings.tree import Settings


def written(folder: Path, text: str, name: str = "my.toml") -> Path:
    file = folder / name
    file.write_text(text)
    return file


def complaint(folder: Path, text: str) -> str:
    """What is said of settings, without the name of their folder."""
    with pytest.raises(SettingsError) as caught:
        load_settings([written(folder, text)])
    return str(caught.value).replace(f"{folder}/", "")


def test_defaults_need_nothing():
    settings = load_settings().settings
    assert settings.trading.mode == "paper"
    assert settings.venue.name == "sim"


@pytest.mark.parametrize("section", Settings.model_fields)
def test_a_section_may_be_named_without_saying_anything(tmp_path: Path, section: str):
    assert load_settings([written(tmp_path, f"[{section}]\n")]).settings == Settings()


def test_defaults_hold_to_their_own_rules():
    assert Settings.model_validate(Settings().model_dump()) == Settings()


def test_precedence_is_command_line_environment_later_file_earlier_file_default(tmp_path: Path):
    first = written(tmp_path, "[api]\nport = 1\nhost = '127.0.0.2'\n[venue]\nrecv_window_ms = 1\n", "first.toml")
    second = written(tmp_path, "[api]\nport = 2\n[venue]\nrecv_window_ms = 2\n", "second.toml")
    loaded = load_settings(
        [first, second],
        {"METRONOME__API__PORT": "3", "METRONOME__VENUE__NAME": "x"},
        {"api": {"port": 4}},
    )
    settings = loaded.settings
    assert settings.api.port == 4
    assert settings.api.host == "127.0.0.2"
    assert settings.venue.recv_window_ms == 2
    assert settings.venue.name == "x"
    assert loaded.origin(("api", "port")) == "command line"
    assert loaded.origin(("api", "host")) == f"{first}:3"
    assert loaded.origin(("venue", "recv_window_ms")) == f"{second}:4"
    assert loaded.origin(("venue", "name")) == "environment METRONOME__VENUE__NAME"
    assert loaded.origin(("venue", "request_timeout_s")) == "default"


def test_tables_merge_and_lists_are_replaced_whole(tmp_path: Path):
    first = written(tmp_path, '[simulation]\ndeposit = { USDT = 5 }\n[trading]\nsymbols = ["A/B", "C/D"]\n', "1.toml")
    second = written(tmp_path, '[simulation]\ndeposit = { BTC = 1.5 }\n[trading]\nsymbols = ["E/F"]\n', "2.toml")
    settings = load_settings([first, second]).settings
    assert settings.simulation.deposit == {"USDT": Decimal(5), "BTC": Decimal("1.5")}
    assert settings.trading.symbols == ("E/F",)


@pytest.mark.parametrize("word", ["none", "off", "None", "OFF"])
def test_a_word_stands_for_none_where_a_setting_may_be_none(tmp_path: Path, word: str):
    file = written(
        tmp_path, f'[risk]\nmax_daily_loss_pct = "{word}"\n[[trading.strategies]]\nuse = "x"\ntimeframe = "{word}"'
    )
    settings = load_settings([file]).settings
    assert settings.risk.max_daily_loss_pct is None
    assert settings.trading.strategies[0].timeframe is None


def test_an_unknown_key_names_its_place_and_the_nearest_known_one(tmp_path: Path):
    assert complaint(tmp_path, "[trading]\nsymbls = []\n") == (
        "my.toml:2: unknown setting trading.symbls. Did you mean trading.symbols?"
    )
    assert complaint(tmp_path, "\n[tradng]\nx = 1\n") == "my.toml:2: unknown setting tradng. Did you mean trading?"
    assert complaint(tmp_path, '[api]\nmax_order_notional = "x"\n') == (
        "my.toml:2: unknown setting api.max_order_notional. Did you mean risk.max_order_notional_usd?"
    )
    assert complaint(tmp_path, "[api]\nqqqq = 1\n") == "my.toml:2: unknown setting api.qqqq."
    assert complaint(tmp_path, '[[trading.strategies]]\nuse = "x"\nparamters = {}\n') == (
        "my.toml:3: unknown setting trading.strategies.0.paramters. Did you mean trading.strategies.0.parameters?"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[api]\nport = "18700"\n', 'my.toml:2: api.port: got "18700" (text), wanted a whole number.'),
        ("[api]\nport = 70000\n", "my.toml:2: api.port: got 70000 (a whole number), wanted at most 65535."),
        ("[api]\nport = true\n", "my.toml:2: api.port: got true (true or false), wanted a whole number."),
        ("[api]\nenabled = 1\n", "my.toml:2: api.enabled: got 1 (a whole number), wanted true or false."),
        ("api = 3\n", "my.toml:1: api: got 3 (a whole number), wanted a table."),
        (
            '[trading]\nmode = "papre"\n',
            "my.toml:2: trading.mode: got \"papre\" (text), wanted 'paper', 'observe' or 'live'.",
        ),
        (
            '[trading]\nsymbols = "BTC/USDT"\n',
            'my.toml:2: trading.symbols: got "BTC/USDT" (text), wanted a list, such as ["BTC/USDT"].',
        ),
        (
            "[risk]\nmax_gross_exposure_pct = nan\n",
            'my.toml:2: risk.max_gross_exposure_pct: got nan (a number), wanted a finite number or "none".',
        ),
        (
            "[venue]\nrequest_timeout_s = 0\n",
            "my.toml:2: venue.request_timeout_s: got 0 (a whole number), wanted more than 0.",
        ),
        ("[[trading.strategies]]\ntimeframe = '5m'\n", "my.toml:1: trading.strategies.0.use is missing."),
        ("[trading]\nsymbols = []\n", "my.toml:2: trading.symbols: the list is empty; wanted at least one."),
        (
            '[trading]\nsymbols = ["BTC/USDT", "btcusdt"]\n',
            'my.toml:2: trading.symbols.1: "btcusdt" is not a symbol; wanted BASE/QUOTE in capitals, such as BTC/USDT, '
            "or BTC/USDT:USDT (a perpetual).",
        ),
        (
            '[trading]\nsymbols = ["BTC/USDT", "BTC/USDT"]\n',
            "my.toml:2: trading.symbols: BTC/USDT is listed twice.",
        ),
        (
            '[trading]\nsymbols = ["BTC/USDT"]\nstrategies = [{ use = "ema_cross", symbols = ["ETH/USDT"] }]\n',
            'my.toml:1: trading: strategy "ema_cross" wants ETH/USDT, which is not in trading.symbols.',
        ),
    ],
)
def test_a_wrong_value_names_place_key_what_was_given_and_what_is_wanted(tmp_path: Path, text: str, said: str):
    assert complaint(tmp_path, text) == said


def test_every_fault_is_told_at_once(tmp_path: Path):
    lines = complaint(tmp_path, '[api]\nport = "x"\nenabled = 1\n[risk]\ncooldown = 1\n').splitlines()
    assert len(lines) == 3


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        (
            "METRONOME__API__PORT",
            "x",
            'environment METRONOME__API__PORT: api.port: got "x" (text), wanted a whole number.',
        ),
        (
            "METRONOME__TRADING__SYMBOLS",
            "BTC/USDT",
            "environment METRONOME__TRADING__SYMBOLS: got 'BTC/USDT', wanted JSON, such as "
            '\'["BTC/USDT", "ETH/USDT"]\' or \'{"USDT": 1000}\' (Expecting value, column 1).',
        ),
        (
            "METRONOME__TRADNG__MODE",
            "live",
            "environment METRONOME__TRADNG__MODE: unknown setting tradng.mode. Did you mean METRONOME__TRADING__MODE?",
        ),
        (
            "METRONOME__API__PROT",
            "1",
            "environment METRONOME__API__PROT: unknown setting api.prot. Did you mean METRONOME__API__PORT?",
        ),
        ("METRONOME__", "1", "environment METRONOME__: unknown setting ."),
    ],
)
def test_a_wrong_variable_names_itself(variable: str, value: str, said: str):
    with pytest.raises(SettingsError) as caught:
        load_settings(environment={variable: value})
    assert str(caught.value) == said


def test_variables_spell_lists_and_tables_in_json_and_everything_else_plainly():
    settings = load_settings(
        environment={
            "METRONOME__TRADING__SYMBOLS": '["A/B"]',
            "METRONOME__TRADING__CLOSE_ON_STOP": "yes",
            "METRONOME__SIMULATION__DEPOSIT__BTC": "1.5",
            "METRONOME__SIMULATION__SPEED": "2",
            "METRONOME__SIMULATION__SEED": "none",
            "METRONOME__RISK": '{"cooldown_s": 5}',
            "METRONOME__RISK__MAX_OPEN_POSITIONS": "3",
            "METRONOME__STORAGE__DATA_DIR": "elsewhere",
            "UNRELATED": "x",
        }
    ).settings
    assert settings.trading.symbols == ("A/B",)
    assert settings.trading.close_on_stop is True
    assert settings.simulation.deposit == {"BTC": Decimal("1.5")}
    assert settings.simulation.speed == 2
    assert settings.simulation.seed is None
    assert settings.risk.cooldown_s == 5
    assert settings.risk.max_open_positions == 3
    assert settings.storage.data_dir == Path("elsewhere")


def test_state_directory_replaces_the_default_data_folder_only(tmp_path: Path):
    variables = {"STATE_DIRECTORY": "/var/lib/metronome:/var/lib/other"}
    assert load_settings(environment=variables).settings.storage.data_dir == Path("/var/lib/metronome")
    file = written(tmp_path, "[storage]\ndata_dir = 'mine'\n")
    assert load_settings([file], variables).settings.storage.data_dir == Path("mine")


def test_examples_in_config_load(checkout: Path):
    examples = sorted((checkout / "config").glob("*.toml"))
    assert [each.name for each in examples] == [
        "binance-live.toml",
        "binance-paper.toml",
        "kraken-paper.toml",
        "perpetuals-sim.toml",
        "sim.toml",
    ]
    modes = [load_settings([each]).settings.trading.mode for each in examples]
    assert modes == ["live", "paper", "paper", "paper", "paper"]


def test_the_example_for_the_embedded_venue_is_what_one_gets_without_any(checkout: Path):
    assert load_settings([checkout / "config" / "sim.toml"]).settings == load_settings().settings


def test_ccxts_own_settings_are_kept_as_they_are_but_take_no_secret(tmp_path: Path) -> None:
    file = tmp_path / "kraken.toml"
    file.write_text('[venue]\nname = "kraken"\nccxt = { rateLimit = 500, options = { "a-b" = "off" }, x = [1] }\n')
    loaded = load_settings([file])
    assert loaded.settings.venue.ccxt == {"rateLimit": 500, "options": {"a-b": "off"}, "x": [1]}
    again = tmp_path / "again.toml"
    again.write_text(show_settings(loaded))
    assert load_settings([again]).settings == loaded.settings
    for key in ("apiKey", "privateKey"):
        with pytest.raises(SettingsError, match=rf"venue\.ccxt: {key} is a secret"):
            load_settings(arguments={"venue": {"ccxt": {key: "x"}}})


def test_a_daemon_trades_symbols_of_one_kind() -> None:
    perpetuals = TradingSettings(symbols=("BTC/USDT:USDT", "ETH/USDT:USDT"))
    assert (TradingSettings().kind, perpetuals.kind) == (InstrumentKind.SPOT, InstrumentKind.PERPETUAL)
    with pytest.raises(SettingsError, match=r"BTC/USDT is spot and ETH/USDT:USDT a perpetual; one daemon trades one"):
        _ = TradingSettings(symbols=("BTC/USDT", "ETH/USDT:USDT")).kind
