"""What a line of the log is stamped with must not be a field of its own: the stamp would take its place."""

import ast
import re

from unit.repository.tracked import tracked_texts

METHODS = {"debug", "info", "warning", "error", "exception", "critical"}
STAMPED = {"at", "event", "level", "logger"}
MAYBE = re.compile(rf"\b({'|'.join(sorted(STAMPED))})=")
"""Most files need not be parsed."""


def stamped_fields(tree: ast.AST) -> list[tuple[int, str]]:
    return [
        (keyword.lineno, keyword.arg)
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in METHODS
        for keyword in call.keywords
        if keyword.arg in STAMPED
    ]


def test_no_line_has_a_field_that_a_stamp_would_replace():
    assert stamped_fields(ast.parse('log.info("moved", level="up", by=1)')) == [(1, "level")]
    found = [
        (str(file), *field)
        for file, text in tracked_texts().items()
        if file.suffix == ".py" and file.parts[0] == "src" and "structlog" in text and MAYBE.search(text)
        for field in stamped_fields(ast.parse(text))
    ]
    assert found == []
