"""Which models there are and what stage each is in: a database of its own beside their folders.

Reading and writing blocks: call it in a lane, a worker or a command.
"""
