"""Reads recorded streams of exchanges: files of raw messages become the engine's recorded events.

`lines` cuts files into messages and joins several files by their local times, `messages` knows Binance's words,
`sequence` puts a book's messages into order and proves that none is missing, `playing` gives them times, `scan` checks
a whole recording once and says what it holds, `listing` makes instruments of that, and `recording` is the face of it
all.
"""
