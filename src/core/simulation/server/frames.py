"""WebSocket text frames, built once and written to every subscriber.

A server's frames are not masked (RFC 6455, section 5.1) and no extension is negotiated, so one frame's bytes are the
same on every connection.
"""

_FIN_TEXT = 0x81


def text_frame(payload: bytes) -> bytes:
    """`payload` (UTF-8) as one final, unmasked text frame (RFC 6455, section 5.2)."""
    length = len(payload)
    if length < 126:
        return bytes((_FIN_TEXT, length)) + payload
    if length < 65_536:
        return bytes((_FIN_TEXT, 126)) + length.to_bytes(2, "big") + payload
    return bytes((_FIN_TEXT, 127)) + length.to_bytes(8, "big") + payload
