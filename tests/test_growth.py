"""The benchmark of larger grids: its pipeline is dvc.yaml's, and the stages read its invented results."""

import subprocess
from pathlib import Path

import pytest
import yaml

from benchmarks.skeleton import PIPELINE, make_repository, with_trivial_work
from benchmarks.synthetic import MOST, write_grid, write_results
from benchmarks.tables import split_from, to_markdown
from mnist_cnn.choices.params import load_params
from mnist_cnn.paths import PARAMS
from mnist_cnn.stages import compare, report
from mnist_cnn.tables import read_tables
from tests.conftest import TOP


@pytest.mark.parametrize("networks", [15, 60, MOST])
def test_grid_has_its_size(tmp_path: Path, networks: int) -> None:
    write_grid(tmp_path / PARAMS, networks)
    assert len(load_params(tmp_path / PARAMS).networks()) == networks


def test_skeleton_differs_from_the_pipeline_in_its_commands_alone() -> None:
    pipeline = yaml.safe_load((TOP / PIPELINE).read_text(encoding="utf-8"))
    skeleton = with_trivial_work(pipeline)
    commands = [stage.pop("cmd") for stage in skeleton["stages"].values()]
    assert not any("python" in command for command in commands)
    for stage in pipeline["stages"].values():
        del stage["cmd"]
    assert skeleton == pipeline


def test_skeleton_runs_in_dvc(tmp_path: Path) -> None:
    make_repository(tmp_path, 5)
    path = tmp_path / PIPELINE
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    for stage in content["stages"].values():  # with the code in it DVC takes twice as long
        stage["deps"] = [dep for dep in stage.get("deps", []) if not dep.startswith("src/")]
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    for command in ("repro", "status"):
        done = subprocess.run(
            ["dvc", *command.split()], cwd=tmp_path, capture_output=True, text=True, check=True
        )
    assert "up to date" in done.stdout
    lock = yaml.safe_load((tmp_path / "dvc.lock").read_text(encoding="utf-8"))
    assert sum("@" in name for name in lock["stages"]) == 10


def test_stages_read_the_invented_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_grid(tmp_path / PARAMS, 10)
    params = load_params(tmp_path / PARAMS)
    write_results(tmp_path, params)
    monkeypatch.chdir(tmp_path)
    compare.main()
    tables = read_tables(Path("plots"))
    assert [row.network for row in tables.networks] == [network.name for network in params.networks()]
    mistakes = report.read_mistakes(params, tables.summary.shown_network)
    wrong = sum(row.images for row in tables.confusion if row.actual != row.predicted)
    assert len(mistakes.validation.mistakes) > 0
    assert 0 < wrong < 0.05 * mistakes.validation.images
    assert mistakes.validation.judges == 10


def test_split_is_where_the_line_reaches_the_share() -> None:
    first = {size: size * (0.5 + 0.01 * size) for size in (15, 60, 200)}
    assert split_from(first, work=25.0) == 200  # 0.5 + 0.01 × 200 is a tenth of 25
    assert split_from({15: 30.0, 60: 90.0}, work=25.0) is None


def test_table_of_larger_grids() -> None:
    one = {"seconds": 5.25, "bytes": 3 * 2**20}
    dvc = {"first repro": 30.0, "repro again": 3.0, "status": 2.0, "exp show": 2.5}
    growth = {
        "stages": {"1000": {"compare": one, "report": one}},
        "dvc": {"15": dvc, "60": dvc | {"first repro": 240.0}},
    }
    study = {"JOBS=1": {"wall_seconds": 90.0}, "JOBS=2": {"wall_seconds": 80.0}, "time_to_target": {"a": {}}}
    results = {"machine": {"cores": "2", "system": "s", "processor": "p", "torch": "2"}, "growth": growth}
    text = to_markdown(results)
    assert "| 1,000 | 5.2 | 3 | 5.2 | 3 |" in text
    assert "| 60 | 240.0 | 3.0 | 2.0 | 2.5 | 4.0 |" in text
    assert "split" not in text  # without the study nobody knows what a network takes
    assert "is 10% of that at about 150" in to_markdown(results | {"study": study})
