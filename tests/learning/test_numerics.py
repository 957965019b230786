"""The same bits for the same run: in any process, beside any other, after any other."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

import train as script
from mnist_cnn.learning import numerics
from mnist_cnn.core.grid import Network
from mnist_cnn.learning.network import to_inputs
from mnist_cnn.learning.parallel import run_all
from mnist_cnn.core.params import Params, load_params
from mnist_cnn.core.paths import TIMING, WEIGHTS
from mnist_cnn.learning.training import FinishedRun, Learner, Weights, random_stream, train_run
from tests.support.digits import make_images, make_training_set, small, write_study
from tests.support.repositories import ENVIRONMENT, TOP

PARAMS = load_params(TOP / "params.yaml")
NETWORK = PARAMS.network("conv2_linear2", "small")
CELLS = [(0, 0), (0, 2), (3, 0)]
DATA = make_training_set()


def same(one: Weights, other: Weights) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


@pytest.fixture(scope="module")
def alone(params: Params) -> list[FinishedRun]:
    """The runs, one after the other in this process."""
    return [train_run(NETWORK, *cell, small(params), DATA, lambda _: None) for cell in CELLS]


@pytest.mark.parametrize("cores", [1, 2])
def test_runs_side_by_side(
    cores: int, alone: list[FinishedRun], params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)), raising=False)
    task = script.Task(NETWORK, small(params), DATA)
    for one, again in zip(alone, run_all("runs", script.work, task, CELLS, str), strict=True):
        assert (one.seed, one.fold, one.curve) == (again.seed, again.fold, again.curve)
        assert same(one.weights, again.weights)


def test_run_after_another_network(alone: list[FinishedRun], params: Params) -> None:
    torch.manual_seed(1)
    train_run(Network("a", "b", 7, (4, 8), ()), 0, 1, small(params), DATA, lambda _: None)
    assert same(train_run(NETWORK, *CELLS[0], small(params), DATA, lambda _: None).weights, alone[0].weights)


def test_script_in_a_process_of_its_own(alone: list[FinishedRun], params: Params, tmp_path: Path) -> None:
    """Nobody has pinned the numerics for it, and it is told to use more threads."""
    write_study(tmp_path, params)
    script = [TOP / "src/train.py", "--model", NETWORK.model, "--kernel", NETWORK.kernel]
    words = [sys.executable, "-X", "importtime", *script]
    threads = {"OMP_NUM_THREADS": "3", "MKL_NUM_THREADS": "3", "ATEN_CPU_CAPABILITY": "default"}
    done = subprocess.run(words, cwd=tmp_path, env=ENVIRONMENT | threads, capture_output=True, check=True)
    imports = done.stderr.decode()
    assert "torch.optim" in imports
    assert "torch._dynamo." not in imports  # torch.compile, which takes as long as the rest
    for run in alone[:2]:
        path = tmp_path / WEIGHTS / NETWORK.path / f"seed{run.seed}_fold{run.fold}.safetensors"
        assert same(load_file(path), run.weights)
    machine = (tmp_path / TIMING / NETWORK.path / "timing_machine.json").read_text(encoding="utf-8")
    assert '"numerics": "portable"' in machine


@pytest.mark.parametrize("network", PARAMS.networks(), ids=lambda network: network.name)
def test_every_network_takes_the_same_steps_again(network: Network) -> None:
    images = make_images(192)
    pixels, labels = torch.from_numpy(images.pixels), torch.from_numpy(images.labels).long()
    states = []
    for _ in range(2):
        learner = Learner(network, PARAMS.train, 30, random_stream(0, "weights", 0))
        before = {name: tensor.clone() for name, tensor in learner.model.state_dict().items()}
        for batch in torch.arange(192).view(3, 64):
            learner.learn(to_inputs(pixels[batch], 33.0, 78.0), labels[batch])
        states.append(learner.model.state_dict())
        assert not any(torch.equal(before[name], tensor) for name, tensor in states[-1].items())
    for name, tensor in states[0].items():
        assert torch.equal(tensor, states[1][name])


def test_pins_are_set_or_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AssertionError, match="PyTorch has chosen already"):
        numerics.choose("native")
    monkeypatch.delitem(sys.modules, "torch")
    monkeypatch.setattr(os, "environ", {"MKL_CBWR": "AUTO", "HOME": "x"})
    numerics.choose("portable")
    assert os.environ == numerics.PINS | {"HOME": "x"}
    numerics.choose("native")
    assert os.environ == {"HOME": "x"}


def test_one_thread_and_nothing_that_varies() -> None:
    numerics.use_one_thread()
    assert torch.get_num_threads() == 1
    assert torch.get_deterministic_debug_mode() == 2  # an operation that varies is an error


def test_machine_is_described() -> None:
    machine = numerics.describe_machine("native")
    assert machine["torch"] == torch.__version__.partition("+")[0]
    assert machine["numerics"] == "native"
    assert all(machine.values())


def test_pins_are_those_that_were_measured() -> None:
    assert numerics.PINS == {
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "MKL_CBWR": "COMPATIBLE",
    }


def test_machine_is_what_the_system_says(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = numerics.describe_machine("portable")
    assert machine["cores"] == str(os.cpu_count())
    assert machine["system"].split() == [platform.system(), platform.machine()]
    assert (machine["python"], machine["numerics"]) == (platform.python_version(), "portable")
    path = Path("/proc/cpuinfo")
    assert not path.exists() or f"model name\t: {machine['processor']}\n" in path.read_text(encoding="utf-8")
    monkeypatch.setattr(Path, "exists", lambda _: False)
    assert numerics.describe_machine("portable")["processor"] in (platform.processor(), platform.machine())


def test_freed_memory_is_kept_where_the_c_library_is_glibc(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[int, int]] = []

    class Library:
        def mallopt(self, *arguments: int) -> None:
            calls.append(arguments)

    monkeypatch.setattr(numerics.ctypes, "CDLL", lambda _: Library())
    for library, expected in (("musl", 0), ("glibc", 2)):
        monkeypatch.setattr(platform, "libc_ver", lambda library=library: (library, "1"))
        numerics.use_one_thread()
        assert len(calls) == expected
    assert dict(calls) == {-3: 2**30, -1: 2**30}  # M_MMAP_THRESHOLD and M_TRIM_THRESHOLD of malloc.h
