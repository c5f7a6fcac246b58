"""What the venue answers when it says no: numeric code, exact text, HTTP status.

Codes and texts follow Binance's `errors.md`; clients match on both.
"""

from collections.abc import Mapping


class ApiError(Exception):
    """A refusal in the venue's own words. `headers` go onto the HTTP answer, `data` (`None`: none) into its body."""

    def __init__(
        self,
        code: int,
        message: str,
        *,
        status: int = 400,
        headers: Mapping[str, str] | None = None,
        data: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(f"[{code}] {message}")
        self.data = data
        self.code = code
        self.message = message
        self.status = status
        self.headers = dict(headers or {})


def mandatory(name: str) -> ApiError:
    return ApiError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def either(first: str, second: str) -> ApiError:
    return ApiError(-1102, f"Param '{first}' or '{second}' must be sent, but both were empty/null!")


def bad_combination() -> ApiError:
    return ApiError(-1128, "Combination of optional parameters invalid.")


def illegal_characters(name: str, legal: str) -> ApiError:
    return ApiError(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.")


def empty(name: str) -> ApiError:
    return ApiError(-1105, f"Parameter '{name}' was empty.")


def not_required(name: str) -> ApiError:
    return ApiError(-1106, f"Parameter '{name}' sent when not required.")


def invalid_value(name: str) -> ApiError:
    return ApiError(-1130, f"Data sent for parameter '{name}' is not valid.")


def duplicate_parameter() -> ApiError:
    return ApiError(-1101, "Duplicate values for a parameter detected.")


def unread(read: int, sent: int) -> ApiError:
    if read == 0:
        return ApiError(-1101, f"Too many parameters; expected '0' and received '{sent}'.")
    return ApiError(-1104, f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{sent}'.")


def bad_precision(name: str) -> ApiError:
    return ApiError(-1111, f"Parameter '{name}' has too much precision.")


def invalid_symbol() -> ApiError:
    return ApiError(-1121, "Invalid symbol.")


def api_key_format() -> ApiError:
    return ApiError(-2014, "API-key format invalid.", status=401)


def unknown_api_key() -> ApiError:
    return ApiError(-2015, "Invalid API-key, IP, or permissions for action.", status=401)


def invalid_signature() -> ApiError:
    return ApiError(-1022, "Signature for this request is not valid.")


def outside_window() -> ApiError:
    return ApiError(-1021, "Timestamp for this request is outside of the recvWindow.")


def ahead_of_server() -> ApiError:
    return ApiError(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")


def internal() -> ApiError:
    return ApiError(-1000, "An unknown error occurred while processing the request.", status=500)
