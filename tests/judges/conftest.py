"""What the judges share with the other tests on real sockets."""

from tests.integration.conftest import venue

__all__ = ["venue"]
