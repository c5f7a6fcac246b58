"""Rules and dashboard ask only for what `/metrics` has; Debian's own tools agree with them."""

import json
import re
import shutil
import subprocess
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from integration.daemon.bot import bot
from tests.processes import free_port
from unit.api.daemon import FixedView, serving

_NAME = re.compile(r"metronome_[a-z_]+")


def shown(text: str) -> set[str]:
    families = list(text_string_to_metric_families(text))
    return {sample.name for family in families for sample in family.samples} | {
        f"{family.name}_total" if family.type == "counter" else family.name for family in families
    }


async def test_rules_and_dashboard_ask_for_what_there_is(tmp_path: Path, checkout: Path):
    async with serving(FixedView(), tmp_path) as client:
        known = shown((await client.get("/metrics")).text)
    folder = checkout / "docs" / "monitoring"
    dashboard = json.loads((folder / "grafana.json").read_text())
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    rules = [line for line in (folder / "rules.yml").read_text().splitlines() if "alert:" not in line]
    wanted = set(_NAME.findall("\n".join((*asked, *rules))))
    assert len(wanted) > 20
    assert wanted - known == set()


@pytest.mark.slow
@pytest.mark.processes
def test_promtool_takes_the_rules_and_prometheus_scrapes_a_running_daemon(tmp_path: Path, checkout: Path):
    for tool in ("promtool", "prometheus"):
        if shutil.which(tool) is None:
            pytest.skip("Debian's prometheus is not installed")
    folder = checkout / "docs" / "monitoring"
    checked = subprocess.run(
        ["promtool", "check", "rules", folder / "rules.yml"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    with bot(tmp_path) as daemon:
        daemon.next("trading")
        port = (tmp_path / "api.port").read_text().strip()
        (tmp_path / "token").write_text((tmp_path / "api.token").read_text().strip())
        config = (folder / "prometheus.yml").read_text().replace("127.0.0.1:18700", f"127.0.0.1:{port}")
        config = config.replace("/etc/prometheus/metronome.token", str(tmp_path / "token")).replace("15s", "1s")
        (tmp_path / "prometheus.yml").write_text(config)
        shutil.copy(folder / "rules.yml", tmp_path)
        listen = free_port()
        server = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={tmp_path / 'prometheus.yml'}",
                f"--storage.tsdb.path={tmp_path / 'tsdb'}",
                f"--web.listen-address=127.0.0.1:{listen}",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            assert daemon.until(lambda: value(listen, "up") == "1")
            assert daemon.until(lambda: value(listen, "metronome_trading") == "1")
            assert daemon.until(lambda: float(value(listen, "metronome_cycles_total") or 0) > 0)
        finally:
            server.terminate()
            server.wait(60)


def value(port: int, query: str) -> str | None:
    """Of the query's one series; `None`: there is none yet."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/query?query={query}", timeout=10) as answer:
        found = json.load(answer)["data"]["result"]
    return found[0]["value"][1] if found else None
