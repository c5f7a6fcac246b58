import pickle

from core.decision.decision import decision_line
from core.domain.reasons import Reason
from tests.unit.decision.cases import FLAT, LONG, SHORT, decided, inputs


def test_the_record_of_a_trade_says_what_it_was_decided_from():
    line = decision_line(decided(inputs(LONG)), timings_ms={"decided": 12.5})
    assert (line.symbol, line.strategy, line.close_ms) == ("BTC/USDT", "ema_cross", 1_760_000_100_000)
    assert line.outcome == "TRADE"
    assert line.reason.startswith("SIGNAL_LONG strategy=ema_cross")
    assert line.intent_id is not None
    assert line.timings_ms == {"strategy.ema_cross": 0.25, "decided": 12.5}
    assert line.inputs == {
        "candle_age_s": "0.100",
        "bid": "99.99",
        "ask": "100.01",
        "quote_age_s": "1.000",
        "balance_age_s": "1.000",
        "equity": "10000.00",
        "position": "0",
        "in_flight": "0",
        "signal.ema_cross": "LONG strength=1 fast crossed above slow",
        "features_hash.ema_cross": "abc123",
        "feature.ema_cross.ema_5": "100.5",
        "last_close": "100",
        "volatility_pct": "50",
    }
    assert pickle.loads(pickle.dumps(line)) == line


def test_the_gate_s_word_replaces_the_decision_s_and_keeps_it():
    line = decision_line(decided(inputs(LONG)), outcome="REFUSED", reason=Reason("EXPOSURE_GROSS", {"limit": "1"}))
    assert (line.outcome, line.reason) == ("REFUSED", "EXPOSURE_GROSS limit=1")
    assert line.inputs["also"].startswith("SIGNAL_LONG")


def test_further_reasons_are_kept():
    line = decision_line(decided(inputs(SHORT)))
    assert line.reason == "SHORT_NOT_SUPPORTED strategy=ema_cross"
    assert line.inputs["also"] == "SIGNAL_FLAT strategy=ema_cross"
    assert "also" not in decision_line(decided(inputs(FLAT))).inputs


def test_missing_inputs_are_left_out():
    line = decision_line(decided(inputs(FLAT, quote=None, balance=None)))
    assert not {"bid", "quote_age_s", "balance_age_s"} & line.inputs.keys()
