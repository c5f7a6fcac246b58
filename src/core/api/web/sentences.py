"""Events in the words that a person reads."""

import msgspec

from core.api.happenings import DecisionHappened, Happening
from core.decision_ledger.explain import explained

_decoder = msgspec.json.Decoder(list[Happening])


def in_sentences(events: bytes) -> bytes:
    """A JSON list of happenings, each decision of them with its sentence."""
    return msgspec.json.encode([_explained(each) for each in _decoder.decode(events)])


def _explained(happening: Happening) -> Happening:
    if isinstance(happening, DecisionHappened):
        return DecisionHappened(explained(happening.decision))
    return happening
