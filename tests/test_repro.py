"""Networks side by side: the outcome of `dvc repro`, failures with their words, and nothing left running."""

import shlex
import shutil
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest
import yaml
from rich.progress import Progress

from mnist_cnn import repro
from mnist_cnn.choices.network import Network
from mnist_cnn.repro import Events, Job, SideBySide, in_order, work
from tests.test_pipeline import ENVIRONMENT, commit, copy_sources, run, shrink, stages_run

SIDE_BY_SIDE = "env PYTHONPATH=src python -m mnist_cnn.repro --jobs 2"


def start(folder: Path) -> subprocess.Popen[str]:
    """Starts the pipeline with two networks at a time."""
    return subprocess.Popen(
        shlex.split(SIDE_BY_SIDE),
        cwd=folder,
        env=ENVIRONMENT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        preexec_fn=_heed_interrupts,
    )


def _heed_interrupts() -> None:
    """A shell lets what it starts in the background ignore Ctrl-C, and tests may be among that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def finish(process: subprocess.Popen[str], status: int = 0) -> str:
    """Waits for its end and returns what it printed."""
    printed, _ = process.communicate(timeout=600)
    assert process.returncode == status, printed
    return printed


def outputs(folder: Path) -> dict[str, dict[str, str]]:
    """Returns the MD5 of every output in dvc.lock that holds no measured times."""
    stages = yaml.safe_load((folder / "dvc.lock").read_text(encoding="utf-8"))["stages"]
    return {
        stage: {
            out["path"]: out["md5"]
            for out in entry["outs"]
            if out["path"].startswith(("data/raw", "data/prepared", "data/weights"))
        }
        for stage, entry in stages.items()
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with two networks, the data prepared, and nothing trained."""
    folder = tmp_path_factory.mktemp("clone")
    copy_sources(folder)
    shrink(folder / "params.yaml")
    run(folder, "git init --quiet")
    run(folder, "dvc repro prepare")
    commit(folder, "prepared")
    return folder


@pytest.fixture
def untrained(folder: Path) -> Path:
    """The same repository, again with nothing trained."""
    run(folder, "git checkout --quiet -- .")
    run(folder, "git clean --quiet --force")
    for left in ("data/weights", "data/training", "data/evaluation", ".dvc/cache/runs"):
        shutil.rmtree(folder / left, ignore_errors=True)
    return folder


def test_failure_is_said_and_what_finished_is_kept(untrained: Path) -> None:
    stage = untrained / "src/mnist_cnn/stages/evaluate.py"
    broken = "if network.kernel == 'large':\n        raise OSError('no such disk')\n    save_metrics(EVAL"
    stage.write_text(stage.read_text(encoding="utf-8").replace("save_metrics(EVAL", broken))
    printed = finish(start(untrained), status=255)
    assert printed.count("error: no such disk") == 1
    assert "error: conv2_linear2-large failed, as said above; what finished is kept" in printed
    assert "Running stage 'compare'" not in printed
    assert set(outputs(untrained)) - {"download", "prepare"} == {
        "train@conv2_linear2-large",
        "train@conv2_linear2-small",
        "evaluate@conv2_linear2-small",
    }


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interruption_ends_everything(untrained: Path, number: int) -> None:
    params = untrained / "params.yaml"
    params.write_text(params.read_text(encoding="utf-8").replace("epochs: 0.1", "epochs: 100"))
    process = start(untrained)
    began = psutil.Process(process.pid)
    for _ in range(600):
        commands = [one.cmdline() for one in began.children(recursive=True)]
        if len({words[-1] for words in commands if "mnist_cnn.stages.train" in words}) == 2:
            break
        time.sleep(0.2)
    below = began.children(recursive=True)
    process.send_signal(number)
    assert "interrupted" in finish(process, status=1)
    gone, alive = psutil.wait_procs(below, timeout=60)
    assert gone
    assert not alive
    assert "Traceback" not in run(untrained, "dvc status")


def test_outcome_is_that_of_dvc_alone(untrained: Path) -> None:
    """After all the failures above."""
    printed = finish(start(untrained))
    assert "Traceback" not in printed
    assert stages_run(printed) == {"compare", "report"}  # the networks are a line a run
    assert printed.count("conv2_linear2-large fold") == 4
    again = finish(start(untrained))
    assert "Data and pipelines are up to date." in again
    assert "fold" not in again
    beside, entries = outputs(untrained), list(outputs(untrained))
    run(untrained, "git checkout --quiet -- .")
    run(untrained, "dvc repro --force --no-run-cache")
    assert outputs(untrained) == beside
    assert list(outputs(untrained)) == entries


def test_number_of_jobs_is_checked(untrained: Path) -> None:
    command = SIDE_BY_SIDE.replace("2", "0")
    assert run(untrained, command, fails=True).strip() == "error: --jobs is 0: must be at least 1"


def test_entries_go_where_dvc_puts_them() -> None:
    lock = "schema: '2.0'\nstages:\n  b@x:\n    cmd: b\n    outs:\n    - path: b\n  a:\n    cmd: a\n"
    first, second = lock.index("  b@x"), lock.index("  a:")
    assert in_order(lock, ["a", "b@x"]) == lock[:first] + lock[second:] + lock[first:second]
    assert in_order(lock, ["b@x", "a"]) == lock


def test_last_networks_take_the_cores_that_become_free(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[tuple[str, int]] = []

    def start_nothing(network: Network, cores: int, events: Events) -> Job:
        started.append((network.model, cores))
        with subprocess.Popen(["true"], text=True) as process:
            job = Job(network, process)
        events.put((job, None))
        return job

    monkeypatch.setattr(repro, "start", start_nothing)
    monkeypatch.setattr(repro, "cpu_count", lambda: 4)
    networks = [Network(name, "b", 3, (16,), ()) for name in "abc"]
    SideBySide(networks, 6, 2, Progress(disable=True)).run()
    assert started == [("a", 2), ("b", 2), ("c", 4)]


def test_deeper_networks_are_more_work() -> None:
    networks = [Network("a", "b", 3, channels, ()) for channels in ((16,), (16, 16), (16, 16, 32))]
    assert sorted(networks, key=work) == networks
