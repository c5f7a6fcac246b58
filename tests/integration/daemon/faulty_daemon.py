"""The real daemon, with faults that signals plant in its loop. `faulty_daemon.py python live_bot.py run ...` runs what
comes after it in this process.

SIGRTMIN    a deadlock: the loop's thread waits for a lock that it holds itself
SIGRTMIN+1  `time.sleep` in the loop
"""

import runpy
import signal
import sys
import threading
import time

import uvloop

DEADLOCK, SLEEP = signal.SIGRTMIN, signal.SIGRTMIN + 1


def lock_itself_out() -> None:
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


def sleep_in_the_loop() -> None:
    time.sleep(0.1)


def faulty_loop() -> uvloop.Loop:
    loop = new_event_loop()
    loop.add_signal_handler(DEADLOCK, lock_itself_out)
    loop.add_signal_handler(SLEEP, sleep_in_the_loop)
    return loop


if __name__ == "__main__":
    new_event_loop, uvloop.new_event_loop = uvloop.new_event_loop, faulty_loop
    sys.argv = sys.argv[2:]
    runpy.run_path(sys.argv[0], run_name="__main__")
