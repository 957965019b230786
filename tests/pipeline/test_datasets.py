"""Another data set with one parameter, from a web server of the test: the whole pipeline, and its words."""

import gzip
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import yaml
from tests.test_pipeline import OTHER_DATA

from mnist_cnn.core.files import read_json
from mnist_cnn.core.mnist import DATASETS, SPLITS, TEST_IMAGES, TRAIN_IMAGES, idx_bytes, md5
from mnist_cnn.core.tables import read_table
from mnist_cnn.sources.fetch import MIRROR
from tests.support.digits import make_images
from tests.support.repositories import commit, copy_sources, mnist, run, stages_run

pytestmark = pytest.mark.slow


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """The address of four packed files that show bars, a few with a wrong label, and the MD5 of each."""
    folder, sums, rng = tmp_path / "served", {}, np.random.default_rng(0)
    folder.mkdir()
    for split, count in (("train", TRAIN_IMAGES), ("test", TEST_IMAGES)):
        images = make_images(count)
        images.labels[rng.random(count) < 0.05] = 3
        for name, array in zip(SPLITS[split], (images.pixels, images.labels), strict=True):
            content = gzip.compress(idx_bytes(array), 1, mtime=0)
            (folder / f"{name}.gz").write_bytes(content)
            sums[f"{name}.gz"] = md5(content)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", sums
    server.shutdown()
    server.server_close()


def test_one_parameter_changes_the_data_set(tmp_path: Path, served: tuple[str, dict[str, str]]) -> None:
    address, sums = served
    folder = tmp_path / "repository"
    copy_sources(folder)
    module, params = folder / "src/mnist_cnn/mnist.py", folder / "params.yaml"
    text = module.read_text(encoding="utf-8")
    for name, known in DATASETS["FashionMNIST"].files.items():
        text = text.replace(known, sums[name])
    module.write_text(text, encoding="utf-8")
    content = yaml.safe_load(params.read_text(encoding="utf-8"))
    content |= {"kernels": {"small": 3}, "models": {"conv1_linear1": content["models"]["conv1_linear1"]}}
    content["train"] |= {"folds": [0, 1], "epochs": 0.1, "curve_images": 100}
    params.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    run(folder, "git init --quiet")
    commit(folder, "sources")
    run(folder, "dvc repro prepare", **{MIRROR: mnist()})
    commit(folder, "MNIST")
    printed = run(folder, OTHER_DATA, **{MIRROR: address})
    assert {"download", "train@conv1_linear1-small", "report", "page"} <= stages_run(printed)
    assert (
        (folder / "report/report.md").read_text(encoding="utf-8").startswith("# Which CNN for FashionMNIST")
    )
    assert "Sneaker" in (folder / "report/figures/mistakes.svg").read_text(encoding="utf-8")
    counts = read_table(folder / "plots/class_counts.csv")
    assert counts["class"].unique().tolist() == list(DATASETS["FashionMNIST"].classes)
    assert read_json(folder / "plots/choice.json")["dataset"] == "FashionMNIST"
    assert read_json(folder / "plots/statements.json")["target"] == 0.9
    run(folder, "git checkout --quiet -- .")
    run(folder, "dvc checkout data/raw/MNIST data/prepared")
    assert stages_run(run(folder, "dvc repro prepare")) == set()
