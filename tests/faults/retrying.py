"""A proxy that sends orders twice, as an impatient client library or a middlebox would."""

import asyncio
from collections.abc import Callable

from integration.daemon.proxy import CHUNK, Proxy


class RetryingProxy(Proxy):
    """What `repeats` names by a whole request goes to the venue once on a connection of its own, whose answer is thrown
    away, and then once more on the client's: the client hears the second answer only."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self._port = port
        self.repeats: Callable[[str], bool] = lambda _: False
        self.repeated = 0

    def heard(self, words: bytes) -> int:
        """How many answers had these words since the first repetition."""
        return sum(words in answer for answer in self.answers)

    async def _pass_request(self, data: bytes) -> None:
        if self.repeats(data.decode("latin-1")):
            self.repeated += 1
            self.held.append(data.partition(b"\r\n")[0].decode("latin-1"))  # so that what comes back is kept
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            writer.write(data)
            await reader.read(CHUNK)
            writer.close()
        await super()._pass_request(data)
