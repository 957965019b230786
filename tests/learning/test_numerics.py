"""The same run has the same bits: in any process, in parallel, after other runs, in any environment."""

import ast
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

import train as script
from mnist_cnn import PINS
from mnist_cnn.core.grid import Network
from mnist_cnn.core.images import Normalisation
from mnist_cnn.core.params import Params, load_params
from mnist_cnn.core.paths import WEIGHTS, weights_file
from mnist_cnn.learning.network import to_inputs
from mnist_cnn.learning.numerics import use_one_thread
from mnist_cnn.learning.parallel import run_all
from mnist_cnn.learning.results import TrainedRun, Weights
from mnist_cnn.learning.training import Trainer, random_stream, train_run
from tests.support.digits import make_images, make_training_set, small, write_study
from tests.support.repositories import TOP, run_python

PARAMS = load_params(TOP / "params.yaml")
NETWORK = PARAMS.network("conv2_linear2", "small")
CELLS = [(0, 0), (0, 2), (3, 0)]
DATA = make_training_set()
OTHER_PINS = {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41", "MKL_CBWR": "AUTO"}


def same(one: Weights, other: Weights) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


@pytest.fixture(scope="module")
def alone(params: Params) -> list[TrainedRun]:
    """The runs, one after the other in this process."""
    return [train_run(NETWORK, *cell, small(params), DATA, lambda _: None) for cell in CELLS]


@pytest.mark.parametrize("cores", [1, 2])
def test_runs_side_by_side(
    cores: int, alone: list[TrainedRun], params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)), raising=False)
    task = script.Task(NETWORK, small(params), DATA)
    results = run_all("runs", script.train, "mnist_cnn.learning.training", task, CELLS, str)
    for one, again in zip(alone, results, strict=True):
        assert (one.seed, one.fold, one.curve) == (again.seed, again.fold, again.curve)
        assert same(one.weights, again.weights)


def test_run_after_another_network(alone: list[TrainedRun], params: Params) -> None:
    torch.manual_seed(1)
    train_run(Network("a", "b", 7, (4, 8), ()), 0, 1, small(params), DATA, lambda _: None)
    assert same(train_run(NETWORK, *CELLS[0], small(params), DATA, lambda _: None).weights, alone[0].weights)


def test_stage_ignores_the_environment(alone: list[TrainedRun], params: Params, tmp_path: Path) -> None:
    """Other kernels and more threads are asked for, and another `mnist_cnn` comes first on PYTHONPATH."""
    write_study(tmp_path, params)
    other = tmp_path / "other/mnist_cnn/__init__.py"
    other.parent.mkdir(parents=True)
    other.write_text("from pathlib import Path\nPath(__file__).with_name('imported').touch()\n")
    threads = {"OMP_NUM_THREADS": "3", "MKL_NUM_THREADS": "3", "PYTHONPATH": str(tmp_path / "other")}
    names = "--model", NETWORK.model, "--kernel", NETWORK.kernel
    done = run_python(tmp_path, TOP / "src/train.py", *names, **OTHER_PINS, **threads)
    assert done.returncode == 0, done.stderr
    for run in alone[:2]:
        path = tmp_path / WEIGHTS / NETWORK.path / weights_file(run.seed, run.fold)
        assert same(load_file(path), run.weights)
    assert not other.with_name("imported").exists()


@pytest.mark.parametrize("native", [False, True], ids=["pipeline", "native"])
@pytest.mark.parametrize("environment", [{}, OTHER_PINS], ids=["empty", "other"])
def test_pins_override_the_environment(native: bool, environment: dict[str, str]) -> None:
    """Only `python -X native_numerics` leaves the choice to the libraries, and then nothing is set at all."""
    program = "import os, mnist_cnn; print({name: os.environ.get(name) for name in mnist_cnn.PINS})"
    options = ["-X", "native_numerics"] if native else []
    done = run_python(TOP, *options, "-c", program, **environment, PYTHONPATH=str(TOP / "src"))
    assert ast.literal_eval(done.stdout) == (dict.fromkeys(PINS) if native else PINS)


@pytest.mark.parametrize("network", PARAMS.networks(), ids=lambda network: network.name)
def test_every_network_takes_the_same_steps_again(network: Network) -> None:
    images = make_images(192)
    pixels, labels = torch.from_numpy(images.pixels), torch.from_numpy(images.labels).long()
    states = []
    for _ in range(2):
        trainer = Trainer(network, PARAMS.train, 30, random_stream(0, "weights", 0))
        before = {name: tensor.clone() for name, tensor in trainer.model.state_dict().items()}
        for batch in torch.arange(192).view(3, 64):
            trainer.step(to_inputs(pixels[batch], Normalisation(mean=33, std=78)), labels[batch])
        states.append(trainer.model.state_dict())
        assert not any(torch.equal(before[name], tensor) for name, tensor in states[-1].items())
    for name, tensor in states[0].items():
        assert torch.equal(tensor, states[1][name])


def test_one_thread_and_no_operation_that_varies() -> None:
    use_one_thread()
    assert torch.get_num_threads() == 1
    with pytest.raises(RuntimeError, match="does not have a deterministic implementation"):
        torch.zeros(4).put_(torch.tensor([0, 0]), torch.ones(2))
