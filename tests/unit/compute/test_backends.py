"""Where things are computed, as the settings say: threads, processes, a real Dask cluster."""

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs

from core.compute.computer import AsyncFeatureComputer, Kind
from core.domain.errors import ComputeError, DeadlineExceeded, JobRaised, SettingsError
from core.settings.compute import ComputeSettings

NOBODY = "tcp://127.0.0.1:1"
CLUSTER = """
import sys
from distributed import LocalCluster
options = {"n_workers": 1, "threads_per_worker": 2, "processes": False, "dashboard_address": None}
with LocalCluster(**options, host="127.0.0.1", protocol="tcp") as cluster:
    print(cluster.scheduler_address, flush=True)
    sys.stdin.read()
"""


async def test_threads_compute_here_and_refuse_user_code() -> None:
    async with AsyncFeatureComputer(ComputeSettings(backend="threads")) as computer:
        assert await computer.run(os.getpid, kind=Kind.CPU) == os.getpid()
        assert (await computer.run(threading.current_thread, kind=Kind.CLUSTER)).name == "lane-cpu-1"
        with pytest.raises(SettingsError, match="user code runs in worker processes only"):
            await computer.run(os.getpid, kind=Kind.USER_CODE)
        assert computer.statistics().workers.pids == ()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"backend": "gpu"}, "'processes', 'threads' or 'dask'"),
        ({"backend": "dask"}, "needs dask_scheduler"),
        ({"dask_scheduler": NOBODY}, "is used with backend"),
        ({"workers": 3, "max_workers": 2}, "max_workers = 2 is below workers = 3"),
    ],
)
def test_settings_that_contradict_themselves_are_refused(settings, words) -> None:
    with pytest.raises(ValidationError, match=words):
        ComputeSettings(**settings)


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    with subprocess.Popen(
        [sys.executable, "-c", CLUSTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as cluster:
        assert cluster.stdout is not None
        yield cluster.stdout.readline().strip()
        cluster.kill()


@pytest.mark.slow
@pytest.mark.processes
@pytest.mark.filterwarnings("ignore")  # of Dask's own making
async def test_a_cluster_computes_what_carries_all_it_needs(scheduler: str) -> None:
    settings = ComputeSettings(backend="dask", dask_scheduler=scheduler)
    async with AsyncFeatureComputer(settings, preload=()) as computer:
        ours = computer.statistics().workers.pids
        assert await computer.run(os.getpid, kind=Kind.CLUSTER, deadline_s=60) not in (os.getpid(), *ours)
        assert await computer.run(os.getpid, kind=Kind.CPU, deadline_s=60) in ours
        with pytest.raises(JobRaised, match="ValueError: invalid literal"):
            await computer.run(int, "x", kind=Kind.CLUSTER, deadline_s=60)
        with pytest.raises(DeadlineExceeded):
            await computer.run(time.sleep, 3, kind=Kind.CLUSTER, deadline_s=1.0)
        assert await computer.run(int, "7", kind=Kind.CLUSTER, deadline_s=60) == 7


@pytest.mark.slow
@pytest.mark.processes
@pytest.mark.filterwarnings("ignore")  # of Dask's own making
async def test_without_a_cluster_it_falls_back_loudly_or_refuses_as_set() -> None:
    with capture_logs() as logs:
        async with AsyncFeatureComputer(ComputeSettings(backend="dask", dask_scheduler=NOBODY), preload=()) as computer:
            assert await computer.run(os.getpid, kind=Kind.CLUSTER) in computer.statistics().workers.pids
    assert [line["event"] for line in logs if line["log_level"] == "warning"] == ["cluster_unreachable"]
    refusing = ComputeSettings(backend="dask", dask_scheduler=NOBODY, dask_fallback=False)
    computer = AsyncFeatureComputer(refusing, preload=())
    with pytest.raises(ComputeError, match=f"no Dask scheduler answers at {re.escape(NOBODY)}"):
        await computer.start()
    assert computer.statistics().workers.pids == ()
    with pytest.raises(SettingsError, match=r"compute\.dask_scheduler = 'nonsense://x'"):
        await AsyncFeatureComputer(refusing.model_copy(update={"dask_scheduler": "nonsense://x"}), preload=()).start()
