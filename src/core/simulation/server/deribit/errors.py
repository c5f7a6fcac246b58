"""What the API answers when it says no: JSON-RPC errors, over HTTP with a status."""

from collections.abc import Mapping


class RpcError(Exception):
    def __init__(self, code: int, message: str, data: Mapping[str, object] | None = None, *, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data
        self.status = status

    def as_json(self) -> dict[str, object]:
        found: dict[str, object] = {"message": self.message, "code": self.code}
        return found if self.data is None else {**found, "data": self.data}


def invalid(param: str, reason: str = "wrong format") -> RpcError:
    return RpcError(-32602, "Invalid params", {"reason": reason, "param": param})


def missing(param: str) -> RpcError:
    return invalid(param, "value required")


def unknown_method() -> RpcError:
    return RpcError(-32601, "Method not found")


def unknown_instrument() -> RpcError:
    return RpcError(13020, "not_found")


def unauthorized() -> RpcError:
    """Of all that is private."""
    return RpcError(13009, "unauthorized", {"reason": "invalid_token"}, status=401)


def too_many_requests() -> RpcError:
    return RpcError(10028, "too_many_requests", status=429)


def parse_error() -> RpcError:
    return RpcError(-32700, "Parse error")


def invalid_request() -> RpcError:
    return RpcError(-32600, "Invalid Request")


def internal() -> RpcError:
    return RpcError(11094, "internal_server_error", status=500)
