"""Several at work in one repository: each works or is refused in clear words; the bits stay the same."""

import re
import subprocess
import time
from pathlib import Path

import pytest

from mnist_cnn.sources.fetch import MIRROR
from tests.support.processes import Reproduction
from tests.support.repositories import ENVIRONMENT, mnist, run
from tests.trials.small_study import Study, bits, clone

pytestmark = pytest.mark.trial

REFUSED = re.compile(
    "is busy, it is being blocked by:|Unable to acquire lock. Most likely another DVC process is running"
    "|output 'data/raw/MNIST' does not exist"  # an experiment in the workspace takes out what no commit has
    "|changed while this stage ran, so its result is not kept: run it again"
)
OTHERS = {  # what is done while `dvc repro` is at work
    "another repro": "dvc repro",
    "an experiment in the workspace": "dvc exp run -S compare.margin=0.003",
    "an experiment elsewhere": "dvc exp run --temp --name elsewhere -S compare.margin=0.003",
}


@pytest.fixture
def here(sources: Path, tmp_path: Path) -> Path:
    clone(sources, tmp_path / "clone")
    return tmp_path / "clone"


@pytest.mark.parametrize("moment", ["download", "train@conv1_linear1-small", "compare"])
@pytest.mark.parametrize("other", OTHERS)
def test_two_at_a_time(other: str, moment: str, here: Path, study: Study, tmp_path: Path) -> None:
    first = Reproduction(tmp_path)
    assert first.reaches(lambda one: moment in one.stages())
    environment = ENVIRONMENT | {MIRROR: mnist()}
    words = OTHERS[other].split()
    second = subprocess.run(words, cwd=here, env=environment, capture_output=True, text=True, check=False)
    first.process.wait()
    for status, said in (
        (first.process.returncode, first.printed()),
        (second.returncode, second.stdout + second.stderr),
    ):
        refused = REFUSED.search(said)
        assert status == 0 or refused, said
        print(f"{'works' if status == 0 else 'refused'}: {refused and refused[0]}")
        assert "Traceback" not in said
    (here / "params.yaml").touch()  # a refused experiment may leave it changed, and git unaware of that
    run(here, "git checkout --quiet params.yaml")
    run(here, "dvc repro", **{MIRROR: mnist()})
    assert bits(here) == bits(study.folder)


def test_queue_with_two_workers(here: Path, study: Study) -> None:
    environment = {MIRROR: mnist()}
    for margin in ("0.003", "0.004", "0.005"):
        run(here, f"dvc exp run --queue --name margin{margin[-1]} -S compare.margin={margin}")
    run(here, "dvc queue start --jobs 2", **environment)
    for _ in range(300):
        status = run(here, "dvc queue status")
        if not re.search("Queued|Running", status):
            break
        time.sleep(2)
    assert status.count("Success") == 3, status
    expected = (study.folder / "metrics/networks.json").read_text(encoding="utf-8")
    for number in (3, 4, 5):
        (revision,) = re.findall(rf"\S+ refs/exps/\S+/margin{number}\b", run(here, "git show-ref"))
        commit = revision.split()[0]
        assert run(here, f"git show {commit}:metrics/networks.json") == expected
        assert f"margin: 0.00{number}" in run(here, f"git show {commit}:params.yaml")
    run(here, "dvc repro", **environment)
    assert bits(here) == bits(study.folder)
