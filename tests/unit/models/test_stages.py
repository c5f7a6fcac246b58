import pytest

from core.models.stages import Stage, StageEvent, advance


def test_the_way_through_all_gates_out_and_back():
    events = ["passed", "passed", "passed", "replaced", "restored", "expired", "promoted", "breached"]
    stage, way = Stage.CANDIDATE, []
    for event in events:
        stage = advance(stage, StageEvent(event))
        way.append(stage.value)
    assert way == ["shadow", "canary", "live", "retired", "live", "retired", "live", "rejected"]


def test_what_was_rejected_never_comes_back():
    for event in StageEvent:
        with pytest.raises(ValueError, match="a model that is rejected can't be"):
            advance(Stage.REJECTED, event)


def test_every_event_and_every_other_stage_is_used():
    allowed = set()
    for stage in Stage:
        for event in StageEvent:
            try:
                advance(stage, event)
            except ValueError:
                continue
            allowed.add((stage, event))
    assert {stage for stage, _ in allowed} == set(Stage) - {Stage.REJECTED}
    assert {event for _, event in allowed} == set(StageEvent)
