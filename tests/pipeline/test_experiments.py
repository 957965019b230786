"""The experiments of the README as they are printed, on four networks for a moment, and who shares them."""

import csv
import gzip
import re
from pathlib import Path

import numpy as np
import pytest

from mnist_cnn.core.mnist import CLASS_NAMES, TEST_IMAGES, TRAIN_IMAGES
from mnist_cnn.core.tables import read_table
from mnist_cnn.documents import Choice, StudySummary
from mnist_cnn.sources.fetch import MIRROR
from mnist_cnn.sources.idx import FILES, SPLITS, idx_bytes, md5
from tests.support.commands import command_blocks, run_printed
from tests.support.digits import make_images
from tests.support.params import SMALL_MODELS, shrink
from tests.support.processes import wait_until
from tests.support.repositories import TOP, changed_stages, commit, copy_sources, mnist, run, stages_run

pytestmark = pytest.mark.slow

KERNEL, OTHERS, QUEUE = command_blocks((TOP / "README.md").read_text(encoding="utf-8"))[-3:]
TABLES = {"compare", "timing", "report", "page", "card"}  # what an experiment runs besides training


def grid(kernel: str, models: tuple[str, ...] = SMALL_MODELS) -> set[str]:
    """Names the stages of the networks with a kernel."""
    return {f"{stage}@{model}-{kernel}" for stage in ("train", "evaluate") for model in models}


PLANNED = {  # command → the stages that DVC would run because of the change
    "dvc exp run --temp -S 'train.seeds=[0,1,2]'": grid("small") | grid("large") | {"compare", "timing"},
    "dvc exp run --temp -S 'models.conv2_linear2.hidden_units=[128]'": grid("small", SMALL_MODELS[1:])
    | grid("large", SMALL_MODELS[1:])
    | {"compare", "timing"},
    "dvc exp run --temp -S '+kernels.huge=11'": grid("huge") | {"compare", "timing"},
}
REMOVE, MARGIN, DATASET = OTHERS[3:]


@pytest.fixture(scope="module")
def fashion(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A mirror of four packed files of bars, of which some are hidden by noise, and the MD5 of each file."""
    folder, sums, rng = tmp_path_factory.mktemp("fashion"), {}, np.random.default_rng(0)
    for split, count in (("train", TRAIN_IMAGES), ("test", TEST_IMAGES)):
        images = make_images(count)
        hidden = rng.random(count) < 0.1
        images.pixels[hidden] = rng.integers(0, 256, (hidden.sum(), 28, 28))
        for name, array in zip(SPLITS[split], (images.pixels, images.labels), strict=True):
            content = gzip.compress(idx_bytes(array), 1, mtime=0)
            (folder / f"{name}.gz").write_bytes(content)
            sums[f"{name}.gz"] = md5(content)
    return folder, sums


@pytest.fixture(scope="module")
def first_run(
    fashion: tuple[Path, dict[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str]:
    """A repository in which `dvc repro` ran once, and its results are committed."""
    folder = tmp_path_factory.mktemp("study")
    copy_sources(folder)
    shrink(folder / "params.yaml")
    module = folder / "src/mnist_cnn/sources/idx.py"
    code = module.read_text(encoding="utf-8")
    for name, published in FILES["FashionMNIST"].items():
        code = code.replace(published, fashion[1][name])
    module.write_text(code, encoding="utf-8")
    run(folder, "git init --quiet")
    commit(folder, "sources")
    printed = run(folder, "dvc repro", **{MIRROR: mnist()})
    commit(folder, "run")
    return folder, printed


@pytest.fixture(scope="module")
def without_large(first_run: tuple[Path, str]) -> tuple[Path, str]:
    """The repository with a branch of that name, in which the README's command removed a kernel size."""
    folder, _ = first_run
    reset(folder, "main")
    printed = apply_experiment(folder, REMOVE)
    run(folder, "git switch --quiet --create without-large")
    commit(folder, "no large kernel")
    return folder, printed


def reset(folder: Path, branch: str) -> None:
    """Brings back what was committed in a branch."""
    run(folder, f"git switch --quiet --discard-changes {branch}")
    run(folder, "dvc checkout --quiet")
    assert run(folder, "git status --porcelain") == ""


@pytest.fixture
def study(first_run: tuple[Path, str]) -> Path:
    """The repository as `dvc repro` left it."""
    reset(first_run[0], "main")
    return first_run[0]


@pytest.fixture
def small_study(without_large: tuple[Path, str]) -> Path:
    """The repository without the large kernel."""
    reset(without_large[0], "without-large")
    return without_large[0]


def apply_experiment(folder: Path, command: str, **environment: str) -> str:
    """Runs an experiment, which leaves the repository as it is; applies it, and returns what it printed."""
    (printed,) = run_printed(folder, [command], environment)
    assert run(folder, "git status --porcelain") == ""
    (name,) = re.findall(r"^Ran experiment\(s\): (\S+)$", printed, re.MULTILINE)
    run(folder, f"dvc exp apply {name}")
    return printed


def test_readme_prints_no_other_commands() -> None:
    assert [*PLANNED, REMOVE, MARGIN, DATASET] == OTHERS
    assert [len(KERNEL), len(QUEUE)] == [6, 2]


def test_one_kernel_size_changes_its_own_networks(study: Path) -> None:
    choice = (study / "plots/choice.json").read_bytes()
    printed, metrics, charts, table = run_printed(study, KERNEL[:4], {})
    assert run(study, "git status --porcelain") == ""
    rows = metrics.splitlines()[1:]
    assert 0 < len(rows) <= 16
    assert all("-small" not in row for row in rows)
    assert sum("seconds.conv" in row for row in rows) == len(SMALL_MODELS)
    page = Path(charts.strip().removeprefix("file://")).read_text(encoding="utf-8")
    assert {"kernel-9", "workspace"} <= set(re.findall("kernel-9|workspace", page))
    assert "best_accuracy" in table
    assert max(map(len, table.splitlines())) <= 180
    run_printed(study, KERNEL[4:5], {})
    ran = stages_run(printed)
    assert ran - {"export"} == grid("large") | TABLES | {"download"}
    assert ("export" in ran) == (choice != (study / "plots/choice.json").read_bytes())
    *_, restored = run_printed(study, KERNEL[5:], {})
    assert stages_run(restored) <= TABLES | {"download"}
    assert run(study, "git status --porcelain") == ""


@pytest.mark.parametrize("command", PLANNED)
def test_other_experiments_are_allowed_and_run_what_depends_on_them(study: Path, command: str) -> None:
    """Only their first stage runs, in the workspace; it checks the parameters. DVC says what would run."""
    planned = f"{command.replace(' --temp', '')} download"
    assert stages_run(*run_printed(study, [planned], {})) == {"download"}
    assert changed_stages(study).keys() == PLANNED[command]


def test_removed_networks_run_nothing(without_large: tuple[Path, str], tmp_path: Path) -> None:
    """What is left of a removed kernel is part of no hash: for its author, and in a clone with both."""
    study, printed = without_large
    assert stages_run(printed) - {"export"} == TABLES | {"download"}
    assert "-large" not in (study / "metrics/networks.json").read_text(encoding="utf-8")
    run(tmp_path, f"git clone --quiet --branch main '{study}' colleague")
    colleague = tmp_path / "colleague"
    run(colleague, f"dvc config --local cache.dir '{study}/.dvc/cache'")
    run(colleague, "dvc checkout --quiet")
    for folder in (study, colleague):
        reset(folder, "without-large")
        assert stages_run(run(folder, "dvc repro")) == set()
        assert run(folder, "git status --porcelain") == ""


def test_margin_trains_nothing(small_study: Path) -> None:
    ran = stages_run(apply_experiment(small_study, MARGIN))
    assert ran - {"export"} == TABLES - {"timing"} | {"download"}


def test_another_dataset(small_study: Path, fashion: tuple[Path, dict[str, str]]) -> None:
    ran = stages_run(apply_experiment(small_study, DATASET, **{MIRROR: str(fashion[0])}))
    assert ran == {"download", "prepare", "export"} | grid("small") | TABLES
    report = (small_study / "report/report.md").read_text(encoding="utf-8")
    assert report.startswith("# Which CNN for FashionMNIST")
    assert "Sneaker" in (small_study / "report/figures/mistakes.svg").read_text(encoding="utf-8")
    classes = read_table(small_study / "plots/class_counts.csv")["class"]
    assert classes.unique().tolist() == list(CLASS_NAMES["FashionMNIST"])
    assert Choice.read(small_study / "plots/choice.json").dataset == "FashionMNIST"
    assert StudySummary.read(small_study / "plots/study.json").target == 0.9


def test_queued_experiments_run_their_own_code(small_study: Path) -> None:
    """Code that is broken after the experiments were queued does not break them."""
    queue, start = QUEUE
    run_printed(small_study, [queue], {})
    module = small_study / "src/mnist_cnn/statistics/runs.py"
    module.write_text("raise SystemExit('the code of the workspace')\n", encoding="utf-8")
    run_printed(small_study, [start], {})
    wait_until(lambda: not re.search("Queued|Running", run(small_study, "dvc queue status")), limit=900)
    assert run(small_study, "dvc queue status").count("Success") == 2
    rows = list(csv.DictReader(run(small_study, "dvc exp show --csv").splitlines()))
    rates = {row["train.learning_rate"]: float(row["best_accuracy"]) for row in rows if row["Experiment"]}
    assert {"0.005", "0.02"} <= rates.keys()
    assert min(rates.values()) > 0.3
