"""`/docs`: the OpenAPI description as one plain page, without a script or a foreign host."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

_HEAD = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem; }}
code {{ background: #8882; padding: .1em .3em; border-radius: .3em; }} dt {{ margin-top: 1rem; }}
</style></head><body><h1>{title} {version}</h1>
<p>Everything but health wants <code>Authorization: Bearer</code> with the content of <code>api.token</code> in the
data folder. Machine-readable: <a href="/openapi.json">/openapi.json</a>.</p><dl>"""


def reference_page(openapi: Mapping[str, Any]) -> str:
    """HTML for a parsed OpenAPI document."""
    info = openapi["info"]
    head = _HEAD.format(title=escape(info["title"]), version=escape(info["version"]))
    return head + "".join(_entries(openapi["paths"])) + "</dl></body></html>"


def _entries(paths: Mapping[str, Any]) -> Iterator[str]:
    for path, methods in paths.items():
        for method, operation in methods.items():
            yield f"<dt><code>{method.upper()} {escape(path)}</code></dt>"
            yield f"<dd>{escape(operation.get('description', ''))}{''.join(_parameters(operation))}</dd>"


def _parameters(operation: Mapping[str, Any]) -> Iterator[str]:
    for each in operation.get("parameters", ()):
        default = each["schema"].get("default")
        yield f"<br><code>{escape(each['name'])}</code> in {escape(each['in'])}"
        yield "" if default is None else f", default {escape(str(default))}"
