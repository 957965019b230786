"""Several stages at a time: an interruption, a kill or the loss of a Ray node loses nothing.

The stages up to `evaluate` are real; a small script stands for each of the others.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from mnist_cnn.sources.fetch import MIRROR
from tests.pipeline.test_jobs import SCRIPT
from tests.support.params import set_keys, shrink
from tests.support.processes import STAGE, alive, end_soon, heed_interrupts
from tests.support.repositories import ENVIRONMENT, commit, copy_sources, mnist, run
from tests.trials.small_study import bits, clone, leftovers, reproduce
from tests.trials.test_kills import recorded

pytestmark = pytest.mark.trial

KERNELS = ("small", "medium", "large")  # of the only model: three networks with two runs each
PLACEHOLDERS = ("compare", "timing", "report", "page", "export", "card")
RAY_NODE = {"num_cpus": 1, "object_store_memory": 300 * 2**20}


class Make:
    """A `make repro` in the folder `clone` of a folder, started as on a terminal."""

    def __init__(self, work: Path, **environment: str) -> None:
        self.folder, self.log = work / "clone", work / "log"
        (work / "tmp").mkdir(exist_ok=True)
        (self.folder / ".dvc/tmp").mkdir(exist_ok=True)
        (self.folder / ".dvc/tmp/plots_page.html").touch()  # `make` would draw it
        environment = ENVIRONMENT | {MIRROR: mnist(), "TMPDIR": str(work / "tmp")} | environment
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(
                ["make", "repro", "JOBS=2", f"VENV={sys.prefix}"],
                cwd=self.folder,
                env=environment,
                stdout=out,
                stderr=out,
                start_new_session=True,
                preexec_fn=heed_interrupts,
            )

    def printed(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def trained(self) -> set[str]:
        """Returns the stages `train@…` that were started."""
        return {name for name in STAGE.findall(self.printed()) if name.startswith("train@")}

    def finished(self) -> set[str]:
        """Returns the stages `train@…` that dvc.lock records."""
        return {name for name in recorded(self.folder) if name.startswith("train@")}

    def wait(self, moment: Callable[[], object]) -> None:
        """Waits for a moment, which comes before the end."""
        while not moment():
            assert self.process.poll() is None, self.printed()
            time.sleep(0.3)

    def end(self) -> None:
        assert self.process.wait() == 0, self.printed()


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository of a study of three networks on two folds, in which nothing ran."""
    folder = tmp_path_factory.mktemp("sources")
    copy_sources(folder)
    shrink(folder / "params.yaml", KERNELS)
    set_keys(folder / "params.yaml", {"models.conv2_linear2": ..., "train.epochs": 0.05})
    for name in PLACEHOLDERS:
        (folder / f"src/{name}.py").write_text(SCRIPT, encoding="utf-8")
    (folder / "src/verify.py").write_text("", encoding="utf-8")
    run(folder, "git init --quiet")
    commit(folder, "sources")
    return folder


@pytest.fixture(scope="module")
def undisturbed(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The bits of the study, reproduced by `dvc repro`."""
    folder = tmp_path_factory.mktemp("undisturbed") / "clone"
    clone(sources, folder)
    reproduce(folder)
    return bits(folder)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_lost(
    number: signal.Signals, sources: Path, undisturbed: dict[str, str], tmp_path: Path
) -> None:
    clone(sources, tmp_path / "clone")
    make = Make(tmp_path)
    make.wait(lambda: make.finished() and make.trained() - make.finished())
    finished, family = make.finished(), psutil.Process(make.process.pid).children(recursive=True)
    os.killpg(make.process.pid, number)
    make.process.wait(timeout=60)
    if number == signal.SIGINT:
        assert not any(map(alive, family)), "make did not wait for all processes"
    again = Make(tmp_path)
    again.end()
    assert not again.trained() & finished
    left = 6 - 2 * len(finished)
    assert re.search(rf"^[2-{left}] of 6 runs to train ", again.printed(), re.MULTILINE), again.printed()
    assert bits(tmp_path / "clone") == undisturbed
    assert not leftovers(tmp_path / "tmp")


@pytest.fixture
def cluster() -> Iterator[Any]:
    """A Ray cluster of three nodes with one core each, all on this machine."""
    pytest.importorskip("ray", reason="ray is an extra")
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTHONPATH", raising=False)
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        nodes = Cluster(initialize_head=True, head_node_args=RAY_NODE | {"include_dashboard": False})
        for _ in range(2):
            nodes.add_node(**RAY_NODE)
        yield nodes
        nodes.shutdown()


def running(node: Any) -> list[psutil.Process]:
    """Returns the processes of a Ray node that execute a run."""
    (raylet,) = node.all_processes["raylet"]
    children = psutil.Process(raylet.process.pid).children(recursive=True)
    return [one for one in children if alive(one) and "ray::_run_in_task" in " ".join(one.cmdline())]


def test_loss_of_a_ray_node_changes_nothing(
    cluster: Any, sources: Path, undisturbed: dict[str, str], tmp_path: Path
) -> None:
    clone(sources, tmp_path / "clone")
    make = Make(tmp_path, RAY_ADDRESS=cluster.address)
    node = next(iter(cluster.worker_nodes))
    found: list[psutil.Process] = []
    make.wait(lambda: found.extend(running(node)) or found)
    assert make.trained() - make.finished()
    cluster.remove_node(node, allow_graceful=False)
    assert end_soon(found)
    make.end()
    assert bits(tmp_path / "clone") == undisturbed
