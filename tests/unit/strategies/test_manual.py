"""What `docs/strategies.md` tells is true: its example runs, its tables are complete."""

import re
import tomllib
from pathlib import Path

import pytest

from core.domain.reason_codes import ReasonCode
from core.settings.trading import TradingSettings
from core.strategies.finding import BUILT_IN, find
from core.strategies.worker import describe, evaluate
from tests.unit.random_walks import walk
from tests.unit.strategies.strategy_files import BTC, spec, write

MANUAL = (Path(__file__).parents[3] / "docs" / "strategies.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", MANUAL, re.DOTALL)


def test_the_ten_lines_run_as_they_stand(tmp_path):
    source = blocks("python")[0]
    assert len([line for line in source.splitlines() if line.strip()]) <= 12
    directory = write(tmp_path, "momentum.py", source)
    assert describe(spec("momentum", directory)).warmup == 21
    answers = evaluate(spec("momentum", directory), [(BTC, walk(seed, 130)) for seed in range(6)])
    assert {answer.signal.direction.name for answer in answers} == {"LONG", "FLAT"}


def test_the_parameters_example_runs_too(tmp_path):
    first, second = blocks("python")[:2]
    source = second + first[first.index("    def features") :]
    imports = first[: first.index("class ")]
    directory = write(tmp_path, "momentum.py", imports + source)
    assert describe(spec("momentum", directory, candles=40)).warmup == 41


def test_the_settings_examples_are_settings():
    for block in blocks("toml"):
        strategies = tomllib.loads(block)["trading"]["strategies"]
        assert TradingSettings(strategies=strategies).strategies


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_every_parameter_stands_there_with_its_default(name):
    section = MANUAL.split(f"### `{name}`")[1].split("\n#")[0]
    listed = dict(re.findall(r"^\| `(\w+)` \| (\S+) \|", section, re.MULTILINE))
    fields = find(name, None).Parameters.model_fields
    assert listed == {key: str(field.default) for key, field in fields.items()}


def test_every_reason_stands_there_with_its_meaning():
    listed = dict(re.findall(r"^\| `([A-Z_]+)` \| (.+) \|$", MANUAL, re.MULTILINE))
    assert listed == {code.value: code.sentence for code in ReasonCode}
