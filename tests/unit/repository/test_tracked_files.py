"""What must never be committed, and what must fit together."""

import re
import tomllib
from pathlib import Path

import pytest

import core
from unit.repository.tracked import CHECKOUT, tracked_files, tracked_texts

LOCK_FILES = ("requirements.lock", "requirements-dev.lock")


def places(pattern: str, texts: dict[Path, str]) -> list[str]:
    """`file:line: what was found` for each match."""
    wanted = re.compile(pattern)
    return [
        f"{file}:{number}: {found[0]}"
        for file, text in texts.items()
        for number, line in enumerate(text.splitlines(), start=1)
        if (found := wanted.search(line))
    ]


# Spelt backwards, so that this file names none of them itself.
REGISTRIES = [name[::-1] for name in ("ipyp", "detsohnohtyp", "sjmpn", "naibed.bed", "setarc")]
FORBIDDEN = {
    "a path of one machine": r"(?<![\w.*~-])/(?:work|root|Users|home/\w+)/\w+",
    "the host of a package registry": rf"\b(?:{'|'.join(REGISTRIES)})\.(?:org|com|io)\b",
    "a private key": r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----",
    "an access token": r"\b(?:AKIA[0-9A-Z]{16}|gh[pousr]_[0-9A-Za-z]{36}|xox[abpr]-[0-9A-Za-z-]{10,})",
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_tracked_file_holds(what: str):
    assert places(FORBIDDEN[what], tracked_texts()) == []


def test_the_patterns_find_what_they_are_for():
    samples = {
        "a path of one machine": "/".join(["cd ", "work", "main"]),
        "the host of a package registry": f"see {REGISTRIES[0]}.org",
        "a private key": " ".join(["-----BEGIN RSA", "PRIVATE", "KEY-----"]),
        "an access token": "AKIA" + "A" * 16,
    }
    assert samples.keys() == FORBIDDEN.keys()
    assert all(places(FORBIDDEN[what], {Path("x"): sample}) for what, sample in samples.items())


def test_no_settings_file_holds_a_secret():
    examples = {file: text for file, text in tracked_texts().items() if file.suffix == ".toml"}
    assert examples
    assert places(r"^\s*(?:api_key|secret|token)\s*=", examples) == []


def test_no_venue_key_is_committed():
    """Binance's keys: 64 letters and digits of all three kinds."""
    code = {file: text for file, text in tracked_texts().items() if file.parts[0] not in ("tests", *LOCK_FILES)}
    assert places(r"\b(?=\w*[a-z])(?=\w*[A-Z])(?=\w*\d)[A-Za-z0-9]{64}\b", code) == []


def test_nothing_large_is_committed():
    large = [str(each.relative_to(CHECKOUT)) for each in tracked_files() if each.stat().st_size > 1_000_000]
    assert large == []


@pytest.mark.parametrize("name", LOCK_FILES)
def test_lock_files_hold_hashes_and_no_addresses(name: str):
    text = (CHECKOUT / name).read_text()
    assert "://" not in text
    assert "--index-url" not in text
    blocks = re.split(r"\n(?=\S)", text)
    requirements = [block for block in blocks if not block.startswith("#")]
    assert len(requirements) > 50
    without_hash = [block.split()[0] for block in requirements if "--hash=sha256:" not in block]
    assert without_hash == []


def names_in(name: str) -> set[str]:
    """Packages that a requirements file asks for, normalised."""
    lines = (line.split("#")[0].strip() for line in (CHECKOUT / name).read_text().splitlines())
    found = (re.match(r"[A-Za-z0-9._-]+", line) for line in lines if not line.startswith("-"))
    return {re.sub(r"[-_.]+", "-", each[0]).lower() for each in found if each}


def test_lock_files_hold_everything_that_is_asked_for():
    runtime, development = (names_in(name) for name in LOCK_FILES)
    assert names_in("requirements.in") <= runtime
    assert names_in("requirements-dev.in") | runtime <= development


def versions_in(name: str) -> set[str]:
    return set(re.findall(r"^([A-Za-z0-9._-]+==\S+)", (CHECKOUT / name).read_text(), flags=re.MULTILINE))


def test_tests_run_with_the_versions_that_the_daemon_runs_with():
    assert versions_in("requirements.lock") <= versions_in("requirements-dev.lock")


def test_there_is_one_version():
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    assert project["version"] == core.__version__
    assert f"## {core.__version__}" in (CHECKOUT / "CHANGELOG.md").read_text()


def test_the_makefile_has_every_target_that_is_promised():
    targets = set(re.findall(r"^([a-z-]+):", (CHECKOUT / "Makefile").read_text(), flags=re.MULTILINE))
    assert {"setup", "run", "test", "check", "bench", "bench-soak", "chaos", "clean", "lock"} <= targets
