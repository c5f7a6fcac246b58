"""apprise's own services, to a real receiver on loopback."""

import http.server
import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from core.cli.main import main
from core.domain.errors import NotifyError, SettingsError
from core.domain.notices import Notice, NoticeLevel
from core.notify.delivery import Message
from core.notify.services import AppriseService
from core.runtime.redaction import PROCESS
from core.secrets_known import secrets_of
from core.settings.notify import NotifySettings
from core.settings.tree import Settings

TOKEN = "hook-8f3a1c77d2e94b60"


class Receiver(http.server.ThreadingHTTPServer):
    """Keeps the bodies of what is posted, and answers with `status`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.got: list[dict[str, Any]] = []
        self.status = 200

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self.server_address[1]}/{TOKEN}"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append({"path": self.path, **json.loads(body)})
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's own name
        pass


@contextmanager
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def message(title: str, body: str = "", level: NoticeLevel = NoticeLevel.CRITICAL) -> Message:
    return Message(title, body, level, (Notice(level, title, body),))


def test_a_message_arrives_as_it_was_meant() -> None:
    with receiver() as server:
        service = AppriseService(server.url, 1)
        service.send(message("halted: NO_ENTRY", "the day's loss is 5.1 %\nsince <b>noon</b>"))
        service.send(message("filled", level=NoticeLevel.INFO))
    halted, filled = server.got
    assert (halted["title"], halted["type"], halted["path"]) == ("halted: NO_ENTRY", "failure", f"/{TOKEN}")
    assert halted["message"] == "the day's loss is 5.1 %\nsince <b>noon</b>"
    assert (filled["title"], filled["message"], filled["type"]) == ("metronome", "filled", "info")


def test_no_secret_and_no_control_character_leaves() -> None:
    PROCESS.add("venue-secret-123")
    with receiver() as server:
        AppriseService(server.url, 1).send(message("key venue-secret-123", "a\x1b[31mb\x07 " + "x" * 10_000))
    (got,) = server.got
    assert "venue-secret" not in got["title"]
    assert got["message"].startswith("a [31mb  ")
    assert len(got["message"]) <= 3_000


@pytest.mark.parametrize("status", [500, 404, 302])
def test_what_the_service_refuses_is_an_error_without_its_url(status: int) -> None:
    with receiver() as server:
        server.status = status
        with pytest.raises(NotifyError) as refused:
            AppriseService(server.url, 3).send(message("x"))
    assert str(refused.value) == "3 json: the service did not take it"


@pytest.mark.parametrize("url", ["nosuch://abcdefghijklmnop", "no url at all", "tgram://short", "://", ""])
def test_a_url_that_is_none_is_said_without_saying_it(url: str) -> None:
    with pytest.raises(SettingsError) as refused:
        AppriseService(url, 2)
    assert "number 2" in str(refused.value)
    assert "abcdefghijklmnop" not in str(refused.value)


def test_without_apprise_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(SettingsError, match=r"metronome\[notify\]"):
        AppriseService("json://localhost/x", 1)


def test_the_urls_and_what_may_be_a_token_in_them_are_known_secrets() -> None:
    url = "tgram://123456789:AAF-abcdefghijk_lmnopqrstuvwxyz12345/987654321?format=text"
    known = secrets_of(Settings(notify=NotifySettings(urls=f"{url}, json://localhost:8080/{TOKEN}")))
    assert {url, TOKEN, "AAF-abcdefghijk_lmnopqrstuvwxyz12345"} <= set(known)
    assert not {"localhost", "json", "text"} & set(known)


def test_the_command_tries_each_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with receiver() as well, receiver() as sick:
        sick.status = 500
        file = tmp_path / "urls"
        file.write_text(f"{well.url}\n{sick.url}\n")
        monkeypatch.setenv("METRONOME__NOTIFY__URLS_FILE", str(file))
        assert main(["notify", "test", "--json"]) == 1
        out, err = capsys.readouterr()
        assert json.loads(out) == {"1 json": "", "2 json": "2 json: the service did not take it"}
        file.write_text(well.url)
        assert main(["notify", "test"]) == 0
        assert len(well.got) == 2
    assert TOKEN not in out + err + "".join(capsys.readouterr())


def test_the_command_says_what_is_missing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["notify", "test"]) == 2
    assert "notify.urls: there are none" in capsys.readouterr().err
    monkeypatch.setenv("METRONOME__NOTIFY__TIME_ZONE", "Mars/Olympus")
    assert main(["notify", "test"]) == 2
    assert "is no time zone" in capsys.readouterr().err
