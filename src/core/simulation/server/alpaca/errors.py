"""What the data API answers when it says no: `{"message": ...}` with an HTTP status."""

from collections.abc import Mapping

import msgspec

from core.simulation.server.dispatcher import Answer


class AlpacaError(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def invalid(name: str, value: str) -> AlpacaError:
    return AlpacaError(400, f"invalid {name}: {value}")


def missing(name: str) -> AlpacaError:
    return AlpacaError(400, f"{name} is required")


def forbidden() -> AlpacaError:
    """A key that nobody knows, or a secret that is not its own."""
    return AlpacaError(403, "forbidden.")


def recent_sip() -> AlpacaError:
    return AlpacaError(403, "subscription does not permit querying recent SIP data")


def no_opra() -> AlpacaError:
    return AlpacaError(403, "OPRA agreement is not signed")


def too_many_requests() -> AlpacaError:
    return AlpacaError(429, "too many requests.")


def not_found() -> AlpacaError:
    return AlpacaError(404, "endpoint not found.")


def internal() -> AlpacaError:
    return AlpacaError(500, "internal server error occurred")


def refused(error: AlpacaError, headers: Mapping[str, str]) -> Answer:
    return Answer(error.status, msgspec.json.encode({"message": error.message}), None, headers=headers)
