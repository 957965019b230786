"""Faults of the machine are reported in one line, the results stay, and the next run has the same bits."""

import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from mnist_cnn.sources.fetch import MIRROR
from tests.support.processes import Reproduction
from tests.support.repositories import mnist, run
from tests.support.servers import FileHandler, web_server
from tests.trials.small_study import Outcome, Record, Study, bits, clone, files, leftovers, reproduce
from tests.trials.test_kills import AT_WORK

pytestmark = pytest.mark.trial

OUTPUTS = re.compile("(data|metrics|plots|report)/")
PREPARE, TRAIN, EVALUATE = "prepare", "train@conv1_linear1-small", "evaluate@conv1_linear1-small"
LIMITS = [  # the fault, the stage before it, a command of the shell, and what is to be reported
    ("A limit on the size of files", "", "ulimit -f 20000", "File too large: 'data/raw/"),
    ("A limit on the size of files", "download", "ulimit -f 20000", "File too large: 'data/prepared"),
    ("No memory", "download", "ulimit -v 400000", "not enough memory"),
    ("No memory", PREPARE, "ulimit -v 2000000", "not enough memory"),
    ("No memory", PREPARE, "ulimit -v 3000000", "memory"),
]
CLOCK = """
import random, time
now, draw = time.time, random.Random(0)
time.time = lambda: now() + draw.uniform(-1e7, 1e7)
"""


def fails(work: Path, line: str, before: str = ":", **environment: str) -> None:
    """Reproduces with a fault: a script reports it in one line, or else DVC in one line per file."""
    environment = {MIRROR: mnist(), "TMPDIR": str(work / "tmp")} | environment
    printed = run(work / "clone", f"bash -c '{before}; exec dvc repro'", fails=True, **environment)
    reported = re.findall("^error: .*", printed, re.M)
    assert len(reported) <= 1, printed
    reported = reported or re.findall("^ERROR: .*", printed, re.M)
    assert reported, printed
    assert all(line in one for one in reported), printed
    assert "Traceback" not in printed


@pytest.fixture
def check_recovery(study: Study, tmp_path: Path, record: Record) -> Callable[[str], None]:
    """Reproduces when the fault is over: what there was is right, and so is the end."""

    def check(fault: str) -> None:
        folder, whole = tmp_path / "clone", bits(study.folder)
        before = {name: value for name, value in files(folder).items() if OUTPUTS.match(name)}
        start, reproduction = time.monotonic(), Reproduction(tmp_path)
        reproduction.reaches(lambda one: AT_WORK.search(one.printed()))
        seconds = time.monotonic() - start
        assert reproduction.process.wait() == 0, reproduction.printed()
        wrong = before.items() - whole.items(), dict(bits(folder).items() ^ whole.items())
        left = leftovers(tmp_path / "tmp")
        record(Outcome(fault, not any((*wrong, left)), seconds))
        assert (*wrong, left) == (set(), {}, [])

    return check


@pytest.fixture
def reproduce_up_to(sources: Path, tmp_path: Path) -> Callable[[str], None]:
    """Makes a repository in which everything up to a stage was reproduced."""

    def make(stage: str) -> None:
        (tmp_path / "tmp").mkdir()
        clone(sources, tmp_path / "clone")
        if stage:
            reproduce(tmp_path / "clone", stage)

    return make


Check = Callable[[str], None]


@pytest.mark.parametrize(("fault", "stage", "limit", "line"), LIMITS)
def test_limit(
    fault: str,
    stage: str,
    limit: str,
    line: str,
    reproduce_up_to: Check,
    check_recovery: Check,
    tmp_path: Path,
) -> None:
    reproduce_up_to(stage)
    fails(tmp_path, line, limit)
    check_recovery(fault)


@pytest.fixture
def mounted() -> Iterator[Callable[..., None]]:
    """Mounts something on a folder, until the end of the test or until it is mounted otherwise."""
    places: list[Path] = []

    def mount(folder: Path, *options: str) -> None:
        if subprocess.run(["mount", *options, folder], check=False, capture_output=True).returncode:
            pytest.skip("nothing can be mounted here")
        places.append(folder)

    yield mount
    for folder in set(places):
        subprocess.run(["umount", "--lazy", "--recursive", folder], check=False)


@pytest.mark.parametrize("share", [0.2, 0.4, 0.6, 0.8, 0.98])
def test_full_disk(
    share: float,
    study: Study,
    reproduce_up_to: Check,
    check_recovery: Check,
    mounted: Callable[..., None],
    tmp_path: Path,
) -> None:
    """The repository is on a disk that is smaller than what is to be on it."""
    size = sum(path.stat().st_blocks * 512 for path in study.folder.rglob("*"))
    (tmp_path / "clone").mkdir()
    mounted(tmp_path / "clone", "-t", "tmpfs", "-o", f"size={int(share * size)}", "none")
    reproduce_up_to("")
    fails(tmp_path, "No space left on device")
    mounted(tmp_path / "clone", "-o", "remount,size=2g")
    check_recovery("A full disk")


@pytest.mark.parametrize(("stage", "folder"), [("download", "plots"), (PREPARE, "data/weights")])
def test_read_only_folder(
    stage: str,
    folder: str,
    reproduce_up_to: Check,
    check_recovery: Check,
    mounted: Callable[..., None],
    tmp_path: Path,
) -> None:
    reproduce_up_to(stage)
    place = tmp_path / "clone" / folder
    place.mkdir(parents=True, exist_ok=True)
    mounted(place, "--bind", str(place))
    mounted(place, "-o", "remount,bind,ro")
    fails(tmp_path, "Read-only file system")
    subprocess.run(["umount", place], check=True)
    check_recovery("A read-only folder")


@pytest.mark.parametrize("stage", [TRAIN, EVALUATE])
def test_killed_worker(stage: str, reproduce_up_to: Check, check_recovery: Check, tmp_path: Path) -> None:
    reproduce_up_to(PREPARE)
    reproduction = Reproduction(tmp_path)

    def workers() -> list[psutil.Process]:
        """Returns the processes that the stage's fork server has forked, if there are two."""
        with suppress(psutil.Error):  # others end during the search
            if stage in reproduction.stages():
                family = psutil.Process(reproduction.process.pid).children(recursive=True)
                servers = [one for one in family if "multiprocessing.forkserver" in " ".join(one.cmdline())]
                found = [one for one in servers if one.parent() in servers]
                return found if len(found) == 2 else []
        return []

    both: list[psutil.Process] = []
    assert reproduction.reaches(lambda _: both.extend(workers()) or both)
    both[0].kill()
    assert reproduction.process.wait() != 0
    assert "error: a process was killed" in reproduction.printed()
    assert "Traceback" not in reproduction.printed()
    check_recovery("A killed worker")


def test_clock_that_jumps(reproduce_up_to: Check, check_recovery: Check, tmp_path: Path) -> None:
    reproduce_up_to(PREPARE)
    (tmp_path / "sitecustomize.py").write_text(CLOCK, encoding="utf-8")
    run(tmp_path / "clone", "dvc repro", PYTHONPATH=str(tmp_path))
    check_recovery("A clock that jumps")


class Outage(FileHandler):
    """Sends half of each large file and then nothing; the connection ends or hangs."""

    hangs = False

    def copyfile(self, source: Any, outputfile: Any) -> None:
        content = source.read()
        outputfile.write(content[: len(content) // 2])
        if self.hangs:
            time.sleep(30)


@pytest.mark.parametrize("hangs", [False, True], ids=["cut off", "hanging"])
def test_outage_of_the_network(
    hangs: bool, reproduce_up_to: Check, check_recovery: Check, tmp_path: Path
) -> None:
    reproduce_up_to("")
    with web_server(type("Handler", (Outage,), {"hangs": hangs}), mnist()) as address:
        nowhere = {"https_proxy": "http://127.0.0.1:9", "PIP_NO_INDEX": "1"}  # no other source either
        fails(tmp_path, "no source could provide", **nowhere, **{MIRROR: address})
    check_recovery("An outage of the network")
