"""Documents: every relative link leads somewhere, every command shown exists."""

import re
from pathlib import Path

import typer

from core.cli.main import app
from core.settings.tree import Settings
from unit.repository.tracked import CHECKOUT, tracked_texts

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", flags=re.MULTILINE | re.DOTALL)


def documents() -> dict[Path, str]:
    return {file: text for file, text in tracked_texts().items() if file.suffix == ".md"}


def anchors(text: str) -> set[str]:
    """Names of the headings, as a forge derives them."""
    headings = re.findall(r"^#+ +(.+?)\s*$", FENCE.sub("", text), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def test_every_relative_link_leads_somewhere():
    broken = []
    for file, text in documents().items():
        for link in LINK.findall(FENCE.sub("", text)):
            if re.match(r"[a-z]+:", link):
                continue
            path, _, anchor = link.partition("#")
            target = (CHECKOUT / file).parent / path if path else CHECKOUT / file
            found = target.exists() and (not anchor or anchor in anchors(target.read_text("utf-8")))
            if not found:
                broken.append(f"{file}: {link}")
    assert broken == []


def test_every_command_shown_exists():
    known = set(typer.main.get_group(app).commands)
    shown = {
        (str(file), command)
        for file, text in documents().items()
        for command in re.findall(r"live_bot\.py (?:-\S+ )*([a-z]+)", text)
    }
    assert shown
    assert {(file, command) for file, command in shown if command not in known} == set()


def test_every_setting_named_in_the_documents_exists():
    keys = {(section, key) for section, field in Settings.model_fields.items() for key in field.annotation.model_fields}
    sections = "|".join(Settings.model_fields)
    wrong = [
        f"{file}: {section}.{key}"
        for file, text in documents().items()
        for section, key in re.findall(rf"`({sections})\.([a-z_]+)`", text)
        if (section, key) not in keys
    ]
    assert wrong == []
