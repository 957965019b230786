"""What the benchmarks count and divide; how long anything takes is no test's business."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from torch import nn

from benchmarks import __main__ as main_module
from benchmarks.__main__ import END, PAGE, PARTS, RESULTS, START
from benchmarks.idiom import official_network, plain_network
from benchmarks.study import _shares, _to_target
from benchmarks.tables import to_markdown
from benchmarks.throughput import flops_per_image
from benchmarks.variants import MODELS
from benchmarks.watch import Watch
from mnist_cnn.choices.network import Network
from mnist_cnn.choices.params import Params, load_params
from mnist_cnn.files import read_json, write_csv, write_json
from mnist_cnn.paths import TRAINING
from mnist_cnn.training.model import build_model, network_size
from tests.conftest import TOP

NETWORKS = load_params(TOP / "params.yaml").networks()


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_idiom_trains_the_same_network(network: Network) -> None:
    plain = plain_network(network)
    assert plain(torch.zeros(2, 1, 28, 28)).shape == (2, 10)
    assert sum(one.numel() for one in plain.parameters()) == network_size(network).parameters


def test_official_network_has_its_size() -> None:
    assert sum(one.numel() for one in official_network().parameters()) == 1_199_882


def test_operations_by_hand() -> None:
    """The gradient of the images is not computed: twice the work in the first layer, thrice behind it."""
    first, second, linear = 28**2 * 9 * 4, 14**2 * 9 * 4 * 8, 7 * 7 * 8 * 10
    counted = flops_per_image(Network("a", "b", 3, (4, 8), ()), 2)
    assert counted == 2 * (2 * first + 3 * second + 3 * linear)


@pytest.mark.parametrize("name", MODELS)
def test_alternative_computes_the_same_function(name: str) -> None:
    images = torch.rand(3, 1, 28, 28)
    network = Network("a", "b", 3, (16, 16, 32), (32,))
    plain = build_model(network, torch.Generator().manual_seed(0))
    changed = MODELS[name](build_model(network, torch.Generator().manual_seed(0)))
    if name == "nn.Flatten, which copies":  # takes the features in another order
        assert changed(images).shape == plain(images).shape
        return
    convolutions = [[layer for layer in model if isinstance(layer, nn.Conv2d)] for model in (plain, changed)]
    for one, other in zip(*convolutions, strict=True):
        other.load_state_dict(one.state_dict(), strict=False)
        if other.bias is not None:
            nn.init.zeros_(other.bias)
    torch.testing.assert_close(changed(images), plain(images))


def test_watch_sees_memory_and_time_of_a_process() -> None:
    watch = Watch()
    code = "import time; start = time.process_time(); kept = bytearray(10**8)\n"
    code += "while time.process_time() < start + 0.5: pass\ntime.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        while watch.seconds_of("other") < 0.5 or watch.total_memory < 10**8:
            watch.look()
            time.sleep(0.05)
        process.kill()
    assert watch.kinds[process.pid] == "other"
    assert watch.memory["other"] > 10**8
    assert watch.training == (0, 0)


def test_shares_add_up() -> None:
    watch = Watch({1: 50.0, 2: 20.0, 3: 6.0, 4: 1.0}, {1: "train", 2: "evaluate", 3: "dvc", 4: "report"})
    runs = [{"training_seconds": 20.0, "validation_seconds": 2.0}] * 2
    shares = _shares(watch, 100.0, runs, 15.0)
    assert sum(shares.values()) == pytest.approx(1)
    assert shares["evaluation"] / shares["training steps"] == pytest.approx(15 / 40)
    (rest,) = (share for name, share in shares.items() if name.startswith("the rest of these stages"))
    assert rest / shares["evaluation"] == pytest.approx((50 - 44 + 20 - 15) / 15)


def test_time_to_target_is_that_of_the_first_point_there(params: Params, tmp_path: Path) -> None:
    network = params.networks()[0]
    one = params.model_copy(
        update={"models": {network.model: params.models[network.model]}, "kernels": {network.kernel: 3}}
    )
    folder = tmp_path / TRAINING / network.place
    points = [
        {"fold": fold, "epoch": epoch, "validation_accuracy": accuracy}
        for fold, accuracies in enumerate([(0.9, 0.98, 0.99), (0.9, 0.95, 0.97)])
        for epoch, accuracy in zip((0.5, 1.0, 1.5), accuracies, strict=True)
    ]
    write_csv(folder / "curves.csv", list(points[0]), points)
    write_json(folder / "cost.json", {"runs": [{"fold": f, "training_seconds": 30.0} for f in (0, 1)]})
    assert _to_target(tmp_path, one) == {network.name: {"runs": 2, "reached": 1, "seconds": 20.0}}


@pytest.mark.parametrize(
    ("arguments", "measured"),
    [([], list(PARTS)), (["start", "study"], ["start", "study"]), (["--tables"], [])],
)
def test_parts_are_measured_and_the_others_kept(
    arguments: list[str], measured: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    monkeypatch.chdir(TOP)
    monkeypatch.setattr(sys, "argv", ["benchmarks", *arguments])
    monkeypatch.setattr(main_module, "RESULTS", shutil.copy(RESULTS, tmp_path / "results.json"))
    monkeypatch.setattr(main_module, "PAGE", shutil.copy(PAGE, tmp_path / "README.md"))
    before = read_json(RESULTS)
    monkeypatch.setattr(main_module, "measure", lambda part, _: calls.append(part) or before.get(part, {}))
    monkeypatch.setattr(main_module, "to_markdown", lambda results: ",".join(results) + "\n")
    main_module.main()
    assert calls == measured
    assert read_json(tmp_path / "results.json").keys() == before.keys() | set(measured)
    page = (tmp_path / "README.md").read_text(encoding="utf-8")
    shown = page.partition(START)[2].partition(END)[0]
    assert set(shown.strip().split(",")) == before.keys() | set(measured)


def test_unknown_part_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmarks", "throughputs"])
    with pytest.raises(SystemExit):
        main_module.main()
    assert "'throughputs' is none of throughput, " in capsys.readouterr().err


def test_page_shows_the_results() -> None:
    text = PAGE.read_text(encoding="utf-8")
    shown = text.partition(START)[2].partition(END)[0]
    assert shown == to_markdown(read_json(RESULTS))
