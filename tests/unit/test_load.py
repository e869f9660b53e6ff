"""What the kernel's files say of a machine, from made-up ones and from this machine's own."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from termforge.load import Load

GIB = 1 << 30


class Kernel:
    """Files of a kernel, to be changed."""

    def __init__(self, folder: Path) -> None:
        self.proc, self.cgroups = folder / "proc", folder / "cgroup"
        self.write("proc/self/cgroup", "4:memory:/other\n0::/slice/worker\n")
        self.memory(available=8 * GIB, total=16 * GIB)
        self.busy(0)

    def write(self, name: str, text: str) -> None:
        path = self.proc.parent / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def memory(self, *, available: int, total: int) -> None:
        self.write(
            "proc/meminfo", f"MemTotal: {total >> 10} kB\nMemAvailable:  {available >> 10} kB\nHugePages_Total: 0\n"
        )

    def busy(self, ticks: int) -> None:
        """Of two cores, besides ten thousand idle ones."""
        self.write("proc/stat", f"cpu  {ticks} 0 0 10000 9 0 0 0 0 0\ncpu0 0 0\ncpu1 0 0\nctxt 3\n")

    def stalled(self, name: str, stalled_s: float) -> None:
        self.write(name, f"some avg10=0.00 avg60=0.00 avg300=0.00 total={int(stalled_s * 1e6)}\nfull avg10=0 total=0\n")

    def group(self, name: str, *, limit: str, used: int = 0, cache: int = 0) -> None:
        self.write(f"cgroup/{name}/memory.max", f"{limit}\n")
        self.write(f"cgroup/{name}/memory.current", f"{used}\n")
        self.write(f"cgroup/{name}/memory.stat", f"anon 1\ninactive_file {cache}\n")

    @property
    def load(self) -> Load:
        return Load(self.proc, self.cgroups)


@pytest.fixture
def kernel(tmp_path: Path) -> Kernel:
    return Kernel(tmp_path)


def test_waiting_for_a_core_is_strain_since_the_last_look(kernel: Kernel) -> None:
    kernel.stalled("proc/pressure/cpu", 100.0)
    load = kernel.load
    kernel.stalled("proc/pressure/cpu", 200.0)
    assert load.strain() == 1.0
    time.sleep(0.05)
    assert load.strain() < 1.0


def test_a_quota_shows_as_pressure_on_our_own_control_group(kernel: Kernel) -> None:
    kernel.stalled("proc/pressure/cpu", 0.0)
    kernel.group("slice/worker", limit="max")
    kernel.stalled("cgroup/slice/worker/cpu.pressure", 0.0)
    load = kernel.load
    kernel.stalled("cgroup/slice/worker/cpu.pressure", 100.0)
    assert load.strain() == 1.0


def test_a_kernel_without_pressure_files_tells_by_its_busy_cores(kernel: Kernel) -> None:
    load = kernel.load
    kernel.busy(10_000)
    assert load.strain() == 1.0
    time.sleep(0.05)
    assert load.strain() < 1.0


def test_waiting_for_memory_is_strain_long_before_it_is_all_the_time(kernel: Kernel) -> None:
    kernel.stalled("proc/pressure/cpu", 0.0)
    kernel.stalled("proc/pressure/memory", 0.0)
    load = kernel.load
    time.sleep(0.1)
    kernel.stalled("proc/pressure/memory", 0.09)
    assert load.strain() == 1.0


def test_a_process_that_keeps_its_interpreter_busy_is_strained(kernel: Kernel) -> None:
    kernel.stalled("proc/pressure/cpu", 0.0)
    load = kernel.load
    spent = time.process_time() + 0.3
    began = time.monotonic()
    while time.process_time() < spent:
        pass
    assert load.strain() >= 0.3 / (time.monotonic() - began + 0.1)


@pytest.mark.parametrize(
    ("available", "total", "short"),
    [(8, 16, False), (1, 16, True), (3, 16, False), (3, 64, True), (8, 64, False)],
    ids=["half free", "less than one sandbox", "room for one", "less than a tenth", "more than a tenth"],
)
def test_memory_is_short_below_one_sandbox_or_a_tenth(kernel: Kernel, available: int, total: int, short: bool) -> None:
    kernel.memory(available=available * GIB, total=total * GIB)
    assert kernel.load.memory_is_short() == short


@pytest.mark.parametrize("name", ["slice/worker", "slice"])
def test_the_limit_of_a_container_counts_and_its_file_cache_does_not(kernel: Kernel, name: str) -> None:
    kernel.group("slice/worker", limit="max")
    kernel.group(name, limit=str(6 * GIB), used=5 * GIB)
    load = kernel.load
    assert load.memory_is_short()
    kernel.group(name, limit=str(6 * GIB), used=5 * GIB, cache=3 * GIB)
    assert not load.memory_is_short()


def test_a_quota_takes_cores_away(kernel: Kernel) -> None:
    kernel.group("slice/worker", limit="max")
    kernel.write("cgroup/slice/worker/cpu.max", "100000 100000\n")
    assert kernel.load.cores == 1
    kernel.write("cgroup/slice/worker/cpu.max", "max 100000\n")
    assert kernel.load.cores == Load().cores


def test_this_machine_is_strained_by_more_work_than_it_has_cores_for() -> None:
    load = Load()
    workers = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(4 * load.cores)]
    try:
        time.sleep(1.0)
        load.strain()
        time.sleep(1.0)
        assert load.strain() > 0.5
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()


def test_this_machine_has_memory_to_tell_of() -> None:
    available, total = Load()._memories()[0]
    assert 0 < available <= total
