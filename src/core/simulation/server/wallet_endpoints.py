"""What went in and out of the wallet: nothing ever does here, and this is how the venue says so.

Deposits of a new account come before its history, as gifts of the testnet do.
"""

from core.simulation.server.endpoint import Call


class WalletEndpoints:
    """Handlers of `sapi`; clients ask for these with the keys they trade with."""

    def deposits(self, call: Call) -> object:
        return []

    def withdrawals(self, call: Call) -> object:
        return []

    def transfers(self, call: Call) -> object:
        call.params.required("type")
        return {"total": 0, "rows": []}

    def margin_interest(self, call: Call) -> object:
        return {"rows": [], "total": 0}
