from core.models.reloads import Load, Reloads, Slot

OLD, NEW = Load("btc", "v1"), Load("btc", "v2")


def with_old_in_use() -> Reloads:
    reloads = Reloads()
    reloads.notice({"btc": "v1"})
    assert reloads.next() == OLD
    reloads.loaded(OLD)
    assert reloads.swap() == {"btc": "v1"}
    return reloads


def test_a_version_is_loaded_once_however_often_it_is_noticed():
    reloads = Reloads()
    reloads.notice({"btc": "v1"})
    assert reloads.next() == OLD
    for _ in range(3):
        reloads.notice({"btc": "v1"})
        assert reloads.next() is None
    reloads.loaded(OLD)
    reloads.notice({"btc": "v1"})
    assert reloads.swap() == {"btc": "v1"}
    reloads.notice({"btc": "v1"})
    assert (reloads.next(), reloads.swap()) == (None, {})


def test_the_old_model_is_in_use_until_the_swap():
    reloads = with_old_in_use()
    reloads.notice({"btc": "v2"})
    assert reloads.swap() == {}
    assert reloads.next() == NEW
    assert reloads.swap() == {}
    reloads.loaded(NEW)
    assert reloads.slot("btc").in_use == "v1"
    assert reloads.swap() == {"btc": "v2"}
    assert reloads.slot("btc") == Slot(in_use="v2")


def test_a_bad_one_is_refused_once_and_the_old_one_stays():
    reloads = with_old_in_use()
    reloads.notice({"btc": "v2"})
    reloads.next()
    reloads.refused(NEW)
    reloads.notice({"btc": "v2"})
    assert (reloads.next(), reloads.swap()) == (None, {})
    assert reloads.slot("btc") == Slot(in_use="v1", refused="v2")
    reloads.notice({"btc": "v3"})
    assert reloads.next() == Load("btc", "v3")


def test_one_load_at_a_time_also_when_the_wanted_version_changes_under_it():
    reloads = with_old_in_use()
    reloads.notice({"btc": "v2"})
    assert reloads.next() == NEW
    reloads.notice({"btc": "v3", "eth": "e1"})
    assert reloads.next() is None
    reloads.loaded(NEW)
    assert reloads.swap() == {}
    assert reloads.next() == Load("btc", "v3")
    reloads.loaded(Load("btc", "v3"))
    assert reloads.next() == Load("eth", "e1")


def test_a_rollback_under_a_load_lets_it_go():
    reloads = with_old_in_use()
    reloads.notice({"btc": "v2"})
    reloads.next()
    reloads.notice({"btc": "v1"})
    reloads.loaded(NEW)
    assert (reloads.swap(), reloads.next()) == ({}, None)
    assert reloads.slot("btc").in_use == "v1"


def test_a_scope_without_a_live_model_loses_the_one_in_use():
    reloads = with_old_in_use()
    reloads.notice({"eth": "e1"})
    assert reloads.swap() == {"btc": None}
    assert reloads.swap() == {}
    reloads.notice({})
    assert reloads.next() is None


def test_what_could_not_be_tried_is_wanted_as_before():
    reloads = with_old_in_use()
    reloads.notice({"btc": "v2"})
    assert reloads.next() == NEW
    reloads.postponed(NEW)
    assert reloads.ready() == []
    assert reloads.next() == NEW
    reloads.loaded(NEW)
    assert reloads.ready() == ["v2"]
    assert reloads.swap() == {"btc": "v2"}
    assert reloads.ready() == []
