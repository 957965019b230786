"""Repositories in which every output exists, so that DVC has nothing to run."""

from pathlib import Path

import pytest

import compare
import timing
from mnist_cnn.core.files import write_text
from mnist_cnn.core.params import load_params
from mnist_cnn.core.paths import EXPORT, FIGURES, PARAMS, PLOTS, raw_directory
from mnist_cnn.documents import Agreement, Choice
from mnist_cnn.sources.idx import FILES, md5
from tests.support.params import changed, set_keys
from tests.support.repositories import TOP, commit, copy_sources, run, write_placeholders
from tests.support.studies import write_simulated_study


def make_repository(folder: Path) -> Path:
    """Makes the repository, with a branch `main` of one commit.

    The data are those of `write_simulated_study`, the tables what `compare` and `timing` make of it.
    Small files take the place of MNIST's, and their checksums are in the code there; each other output is a
    small file too.
    """
    copy_sources(folder)
    params = load_params(TOP / PARAMS)
    models = {name: params.models[name] for name in list(params.models)[:2]}
    write_simulated_study(
        folder, changed(params, models=models, kernels={"small": 3, "large": 7}, folds=(0, 1, 2))
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        compare.main()
        timing.main()
    place_raw(folder, params.data.dataset)
    choice = Choice.read(folder / PLOTS / "choice.json")
    agreement = {
        "images": 10_000,
        "logits_differ_by_less_than": 1e-4,
        "correct": 9860,
    }
    versions = {"opset": 18, "ir_version": 10, "bytes": {"model.onnx": 100, "model.safetensors": 100}}
    Agreement(network=choice.network.name, dataset=choice.dataset, **agreement, **versions).write(
        folder / EXPORT / "agreement.json"
    )
    for name in ("accuracy_cost", "mistakes"):
        write_text(folder / FIGURES / f"{name}.svg", "<svg xmlns='http://www.w3.org/2000/svg'/>")
    run(folder, "git init --quiet --initial-branch main")
    write_placeholders(folder)
    commit(folder, "all")
    return folder


def make_small_repository(folder: Path, kernels: dict[str, int]) -> Path:
    """Makes a repository of one layout in which everything is up to date; all outputs are placeholders."""
    copy_sources(folder)
    model = {"conv1_linear1": {"conv_channels": [16], "hidden_units": []}}
    set_keys(folder / PARAMS, {"kernels": kernels, "models": model})
    run(folder, "git init --quiet")
    write_placeholders(folder)
    commit(folder, "all")
    return folder


def place_raw(folder: Path, dataset: str) -> None:
    """Places small files where the data set belongs, and tells the code there their checksums."""
    source = folder / "src/mnist_cnn/sources/idx.py"
    code, raw = source.read_text(encoding="utf-8"), folder / raw_directory(dataset)
    raw.mkdir(parents=True)
    for name, digest in FILES[dataset].items():
        content = f"stands for {name}".encode()
        (raw / name).write_bytes(content)
        code = code.replace(digest, md5(content))
    source.write_text(code, encoding="utf-8")


def save_experiment(folder: Path) -> None:
    """Runs `compare` with a wider margin and saves the experiment, which is in the workspace as well."""
    set_keys(folder / PARAMS, {"compare.margin": 0.004})
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        compare.main()
    run(folder, "dvc exp save --name wider-margin")
