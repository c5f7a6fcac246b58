"""The record of why: one line for each symbol and cycle, and what became of its orders, in a file of its own that
nothing waits for and that may be dropped. Written by a thread, read without the daemon."""
