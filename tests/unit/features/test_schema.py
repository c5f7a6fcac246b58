import math
import pickle

import numpy as np
import pytest

from core.features.indicators import INDICATORS
from core.features.schema import Feature, FeatureSchema, last_row, row_hash
from tests.unit.random_walks import walk

SCHEMA = FeatureSchema((Feature.of("ema", period=9), Feature.of("rsi"), Feature.of("bollinger", deviations=2.5)))


def test_columns_are_named_by_indicator_parameters_and_output():
    assert SCHEMA.columns == (
        "ema_9",
        "rsi_14",
        "bollinger_20_2.5_upper",
        "bollinger_20_2.5_middle",
        "bollinger_20_2.5_lower",
    )
    assert tuple(SCHEMA.compute(walk(1, 200))) == SCHEMA.columns


@pytest.mark.parametrize("n", [1, 20, 150, 500])
def test_newest_values_are_the_last_of_the_columns_whatever_the_window_s_length(n):
    schema = FeatureSchema(tuple(Feature.of(name) for name in INDICATORS))
    window = walk(7, n)
    expected = [column[-1] for column in schema.compute(window).values()]
    np.testing.assert_allclose(schema.newest(window), expected, rtol=1e-9, atol=1e-12)
    assert pickle.loads(pickle.dumps(schema)) == schema


def test_warm_up_is_the_longest_of_its_features():
    assert SCHEMA.warmup == max(feature.warmup for feature in SCHEMA.features) == Feature.of("rsi").warmup
    assert FeatureSchema(()).warmup == 1


def test_hash_tells_parameters_and_order_apart_and_survives_a_process():
    others = [
        FeatureSchema((Feature.of("ema", period=10), *SCHEMA.features[1:])),
        FeatureSchema(SCHEMA.features[::-1]),
        FeatureSchema(SCHEMA.features[:2]),
    ]
    assert len({SCHEMA.hash, *(other.hash for other in others)}) == 4
    assert pickle.loads(pickle.dumps(SCHEMA)).hash == SCHEMA.hash
    assert SCHEMA.hash == "ba9588e01151371d"


def test_unknown_indicator_and_parameter_are_named_with_what_there_is():
    with pytest.raises(ValueError, match="no indicator 'emu'; there are ema"):
        Feature.of("emu")
    with pytest.raises(ValueError, match="rsi has no parameter 'length'; it has period"):
        Feature.of("rsi", length=3)


def test_last_row_and_its_hash_change_with_the_newest_candle_only_by_value():
    row = last_row(SCHEMA.compute(walk(1, 200)))
    assert row_hash(row) == row_hash(dict(reversed(row.items())))
    assert row_hash(row) != row_hash({**row, "rsi_14": np.nextafter(row["rsi_14"], 0)})
    assert math.isnan(last_row({"empty": np.array([])})["empty"])
