"""The notebook runs from top to bottom, on a study that the test makes; what it reads is the library's."""

import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest

import mnist_cnn
from mnist_cnn.core.command import UserError
from mnist_cnn.core.params import load_params
from tests.support.fake_repository import make_repository, save_experiment
from tests.support.repositories import TOP

pytestmark = pytest.mark.slow

NOTEBOOK = TOP / "notebooks/explore.ipynb"


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_repository(tmp_path_factory.mktemp("notebook"))
    save_experiment(folder)
    return folder


@pytest.fixture
def below(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the repository, in which the test works."""
    monkeypatch.chdir(repository / "notebooks")
    return repository


def test_runs_have_a_row_each(below: Path) -> None:
    runs, params = mnist_cnn.load_runs(), load_params(below / "params.yaml")
    assert len(runs) == len(params.networks()) * len(params.train.folds)
    assert runs["accuracy"].between(0.98, 0.99).all()
    networks = mnist_cnn.load_networks()
    means = runs.groupby("network")["accuracy"].mean()
    assert means[networks["network"]].to_numpy() == pytest.approx(networks["accuracy"])
    curves = mnist_cnn.load_curves()
    assert (curves.groupby("network").size() == params.train.curve_points).all()
    assert mnist_cnn.load_statements()["margin"] == 0.003


def test_predictions_are_those_that_were_counted(below: Path) -> None:
    predictions, runs = mnist_cnn.load_predictions(), mnist_cnn.load_runs()
    cells = ["network", "seed", "fold"]
    counted = predictions.groupby(cells)["right"].agg(["sum", "size"]).reset_index()
    stated = runs[[*cells, "validation_correct", "validation_images"]].sort_values(cells)
    assert counted.to_numpy().tolist() == stated.to_numpy().tolist()
    assert (predictions["right"] == (predictions["predicted"] == predictions["actual"])).all()
    labels = np.load(below / "data/prepared/train_labels.npy")
    assert (labels[predictions["image"]] == predictions["actual"]).all()
    assert mnist_cnn.load_images().shape == (60_000, 28, 28)


def test_what_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"^no params\.yaml in .* or above it: work in"):
        mnist_cnn.load_runs()
    (tmp_path / "params.yaml").write_bytes((TOP / "params.yaml").read_bytes())
    for load in (mnist_cnn.load_runs, mnist_cnn.load_statements, mnist_cnn.load_predictions):
        with pytest.raises(UserError, match=r"^(plots|data)/\S+ is missing; run `dvc repro` or `dvc pull`$"):
            load()
    assert Path.cwd() == tmp_path


def test_package_imports_nothing_before_it_is_used() -> None:
    code = "import mnist_cnn, sys; print({'numpy', 'pandas', 'torch'} & set(sys.modules), dir(mnist_cnn))"
    words = [sys.executable, "-c", code]
    printed = subprocess.run(words, cwd=TOP / "src", capture_output=True, text=True, check=True).stdout
    assert printed.startswith("set()")
    assert all(f"'{name}'" in printed for name in mnist_cnn.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'load_nothing'"):
        mnist_cnn.load_nothing  # noqa: B018


def test_notebook_runs(below: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nbclient import NotebookClient  # here, as it takes a second

    monkeypatch.setenv("PYTHONPATH", str(below / "src"))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    where = {"metadata": {"path": str(Path.cwd())}}
    NotebookClient(notebook, timeout=120, resources=where).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert {output["output_type"] for output in outputs} == {"execute_result"}  # no warning
    shown = [output["data"] for output in outputs]
    assert sum("image/svg+xml" in data for data in shown) == 3
    assert sum("text/html" in data for data in shown) == 4
    experiments = shown[-1]["text/plain"]
    assert "wider-margin" in experiments
    assert "compare.margin" in experiments
    assert "3×3 wrong" in shown[3]["text/plain"]


def test_notebook_is_kept_without_outputs() -> None:
    """They would be those of an older study, and in every difference."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell["cell_type"] == "code"]
    assert cells
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells)
