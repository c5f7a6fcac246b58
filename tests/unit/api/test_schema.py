"""The API's own document against the API: nothing that schemathesis makes up ends in a 5xx or undocumented."""

import asyncio
import sys
from pathlib import Path

import pytest

from core.settings.api import ApiSettings
from unit.api.daemon import FixedView, serving

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
EXAMPLES = 10
PROCESSES = "benchmarks/(feature|signal)"
"""They start processes: `test_machines` has them."""


@pytest.mark.slow
async def test_what_schemathesis_makes_up_is_answered_as_documented(tmp_path: Path):
    settings = ApiSettings(port=0, requests_per_s=100_000, commands_per_s=1_000)
    async with serving(FixedView(), tmp_path, settings) as client:
        command = [
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{client.base_url}/openapi.json"),
            *("--header", f"Authorization: {client.headers['Authorization']}"),
            *("--checks", CHECKS, "--phases", "examples,fuzzing", "--max-examples", str(EXAMPLES), "--seed", "1"),
            *("--exclude-path-regex", PROCESSES, "--workers", "1", "--no-color"),
            *("--suppress-health-check", "filter_too_much,too_slow"),
        ]
        tool = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=tmp_path
        )
        said, _ = await tool.communicate()
    assert tool.returncode == 0, said.decode()
