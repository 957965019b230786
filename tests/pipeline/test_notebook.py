"""The notebook runs from top to bottom, from its own directory, on a simulated study with an experiment."""

from pathlib import Path

import nbformat
import pytest

from tests.support.fake_repository import make_repository, save_experiment
from tests.support.repositories import TOP

pytestmark = pytest.mark.slow


def test_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nbclient import NotebookClient  # here, as it takes a second

    repository = make_repository(tmp_path)
    save_experiment(repository)
    monkeypatch.setenv("PYTHONPATH", str(repository / "src"))
    notebook = nbformat.read(TOP / "notebooks/explore.ipynb", as_version=4)
    nbformat.validate(notebook)
    where = {"metadata": {"path": str(repository / "notebooks")}}
    NotebookClient(notebook, timeout=120, resources=where).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert {output["output_type"] for output in outputs} == {"execute_result"}  # no warning
    contents = [output["data"] for output in outputs]
    assert sum("image/svg+xml" in data for data in contents) == 3
    assert sum("text/html" in data for data in contents) == 4
    assert "all wrong with 3×3" in contents[3]["text/plain"]
    experiments = contents[-1]["text/plain"]
    assert "wider-margin" in experiments
    assert "compare.margin" in experiments
