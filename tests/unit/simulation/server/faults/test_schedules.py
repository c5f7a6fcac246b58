import itertools
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.errors import SettingsError
from core.settings.simulation import SimulationSettings
from core.simulation.server.faults.fault_spec import FaultSpecError, read_spec
from core.simulation.server.faults.kinds import KINDS
from core.simulation.server.faults.random_schedule import random_schedule
from core.simulation.server.faults.schedule_file import read_schedule
from core.simulation.server.faults.schedules import schedule_of


def written(folder: Path, text: str) -> Path:
    file = folder / "faults.toml"
    file.write_text(text)
    return file


def first_minutes(seed: int, intensity: float) -> list[Any]:
    return list(itertools.takewhile(lambda fault: fault.at_ms < 3_600_000, random_schedule(seed, intensity)))


@given(seed=st.integers(0, 2**64), intensity=st.floats(0.05, 3))
def test_the_same_seed_draws_the_same_faults(seed: int, intensity: float) -> None:
    drawn = first_minutes(seed, intensity)
    assert drawn == first_minutes(seed, intensity)
    assert drawn != first_minutes(seed + 1, intensity) or not drawn
    assert [fault.at_ms for fault in drawn] == sorted(fault.at_ms for fault in drawn)
    assert all(fault.spec.for_ms is not None for fault in drawn), "each of them ends"


def test_intensity_is_the_number_of_faults_a_minute() -> None:
    assert 500 < len(first_minutes(seed=1, intensity=10)) < 700


def test_every_kind_can_be_drawn() -> None:
    drawn = itertools.islice(random_schedule(5, 1.0), 3_000)
    assert {fault.spec.kind.name for fault in drawn} == KINDS.keys()


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_every_kind_is_described_and_has_defaults(kind: Any) -> None:
    assert kind.summary
    spec = read_spec({"kind": kind.name})
    assert spec.params == kind.parameters()
    for keys in (kind.addressed_by, kind.parameters.__struct_fields__):
        assert not {"kind", "for_s", "seed", "at_s"} & set(keys)


def test_a_file_in_order_of_time(tmp_path: Path) -> None:
    schedule = read_schedule(
        written(
            tmp_path,
            'seed = 7\n[[fault]]\nkind = "cut"\nat_s = 20\ncode = 1008\nhow = "close"\n'
            '[[fault]]\nat_s = 1.5\nfor_s = 30\nkind = "mute"\nstream = "*@trade"\nprobability = 0.5\nseed = 3\n',
        )
    )
    first, second = schedule.faults
    assert (schedule.seed, first.at_ms, second.at_ms) == (7, 1_500, 20_000)
    assert (first.spec.for_ms, first.spec.seed, first.spec.address.stream) == (30_000, 3, "*@trade")
    assert (second.spec.for_ms, msgspec.structs.asdict(second.spec.params)["code"]) == (0, 1008)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('[[fault]]\nkind = "mutee"\n', ":2: fault 1: kind: there is no fault 'mutee'. Did you mean mute?"),
        ("[[fault]]\nat_s = 3\n", "fault 1: kind is missing; it is one of bad_body, ban,"),
        ('[[fault]]\nkind = "mute"\nstrem = "x"\n', ":3: fault 1: strem: mute has no such key. Did you mean stream?"),
        ('[[fault]]\nkind = "mute"\naccount = "x"\n', ":3: fault 1: account: mute is not addressed so, but by stream,"),
        ('[[fault]]\nkind = "clock_error"\nnth = 2\n', "nothing: it is for the whole venue"),
        ('[[fault]]\nkind = "cut"\nat_s = -1\n', ":3: fault 1: at_s: got -1, wanted venue seconds"),
        ('[[fault]]\nkind = "cut"\nfor_s = "long"\n', ":3: fault 1: for_s: got 'long', wanted venue seconds"),
        ('[[fault]]\nkind = "cut"\nfor_s = nan\n', ":3: fault 1: for_s: got nan"),
        ('[[fault]]\nkind = "cut"\nseed = 1.5\n', ":3: fault 1: seed: got 1.5, wanted a whole number"),
        ('[[fault]]\nkind = "cut"\nhow = "closing"\n', ":3: fault 1: how: got 'closing', wanted one of close, reset"),
        ('[[fault]]\nkind = "cut"\ncode = "x"\n', ":3: fault 1: code: got 'x', wanted a whole number"),
        ('[[fault]]\nkind = "cut"\ncode = 7\n', ":3: fault 1: code: got 7, wanted a whole number >= 1000"),
        ('[[fault]]\nkind = "mute"\nprobability = 2\n', ":3: fault 1: probability: got 2, wanted a number <= 1.0"),
        ('[[fault]]\nkind = "lose_answer"\nhang_ms = "x"\n', ":3: fault 1: hang_ms: got 'x', wanted a number"),
        ('[[faults]]\nkind = "mute"\n', ":1: faults: a file of faults has no such key. Did you mean fault?"),
        ('kind = "mute"\n', ":1: kind: this belongs into a [[fault]]"),
        ("fault = 3\n", "write each one as a table of its own"),
        ('seed = "x"\n', ":1: seed: got 'x', wanted a whole number"),
        ("[[fault]\n", "not valid TOML"),
    ],
)
def test_mistakes_are_named_with_their_place(tmp_path: Path, text: str, complaint: str) -> None:
    file = written(tmp_path, text)
    with pytest.raises(SettingsError) as error:
        read_schedule(file)
    assert str(error.value).startswith(str(file))
    assert complaint in str(error.value)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    file = written(tmp_path, '[[fault]]\nkind = "x"\n[[fault]]\nkind = "mute"\n[[fault]]\nkind = "cut"\nhow = 3\n')
    with pytest.raises(SettingsError) as error:
        read_schedule(file)
    assert [line.split(": ")[1] for line in str(error.value).splitlines()] == ["fault 1", "fault 3"]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such file of faults"):
        read_schedule(tmp_path / "nothing.toml")


def test_a_file_and_chance_together(tmp_path: Path) -> None:
    file = written(tmp_path, '[[fault]]\nkind = "cut"\nat_s = 300\n')
    schedule, _ = schedule_of(SimulationSettings(faults_file=file, random_faults=1, fault_intensity=1.0))
    faults = list(itertools.islice(schedule, 20))
    assert [fault.at_ms for fault in faults] == sorted(fault.at_ms for fault in faults)
    assert any(fault.spec.kind.name == "cut" and fault.at_ms == 300_000 for fault in faults)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=3,
)
_KEYS = st.sampled_from(["for_s", "seed", "nth", "hits", "probability", "stream", "account", "how", "delay_ms"])


@given(kind=st.sampled_from(sorted(KINDS)) | _VALUES, entry=st.dictionaries(_KEYS | st.text(), _VALUES))
def test_any_entry_is_read_or_refused(kind: Any, entry: dict[str, Any]) -> None:
    try:
        read_spec({**entry, "kind": kind})
    except FaultSpecError as error:
        assert str(error)


def test_the_documentation_knows_every_kind_and_its_example_can_be_read(checkout: Path, tmp_path: Path) -> None:
    text = (checkout / "docs" / "simulation.md").read_text()
    rows = [line.split("|") for line in text.splitlines() if line.startswith("| `")]
    told = {row[1].strip(" `"): row for row in rows}
    for kind in KINDS.values():
        parameters = told[kind.name][4]
        assert all(f"`{name}`" in parameters for name in kind.parameters.__struct_fields__), kind.name
    example = text.partition("```toml\nseed = 7")[2].partition("```")[0]
    assert len(read_schedule(written(tmp_path, "seed = 7" + example)).faults) == 3
