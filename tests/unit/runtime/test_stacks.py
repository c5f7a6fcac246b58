import queue
import threading
import time

from core.runtime.stacks import culprit


def test_names_own_code_and_the_library_it_waits_in() -> None:
    messages = queue.Queue[None]()

    def wait_for_a_message() -> None:
        messages.get()

    thread = threading.Thread(target=wait_for_a_message, daemon=True)
    thread.start()
    deadline_s = time.monotonic() + 10
    while "(in threading.py:" not in (said := culprit(thread.ident or 0)) and time.monotonic() < deadline_s:
        time.sleep(0.001)
    messages.put(None)
    thread.join(5)
    place, library = said.split(" (in ")
    assert place.startswith("unit/runtime/test_stacks.py:")
    assert place.endswith("wait_for_a_message")
    assert library.endswith("Condition.wait)")


def test_a_thread_without_python_code_is_said_to_be_nowhere() -> None:
    assert culprit(0) == ""


def test_names_this_very_frame() -> None:
    assert culprit(threading.get_ident()).startswith("core/runtime/stacks.py:")
