"""Runs go to a real Ray cluster of two worker nodes, on this machine, and come back as if made here."""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray
from ray.cluster_utils import Cluster
from ray.experimental import get_object_locations

import mnist_cnn
from mnist_cnn import cluster as under_test
from mnist_cnn.command import UserError
from mnist_cnn.dataset import TrainingSet, stratified_folds
from mnist_cnn.network import Network
from mnist_cnn.params import Train
from mnist_cnn.paths import PREPARED, TRAINING, WEIGHTS
from mnist_cnn.prepared import load_training_set, save_prepared
from mnist_cnn.records import FinishedRun
from mnist_cnn.runs import Report, run_all
from mnist_cnn.stages import evaluate, train
from tests.digits import make_images
from tests.test_stages import run_stage, write_params

PLACE = ("--model", "conv2_linear1", "--kernel", "large")
FOLDS = 3
SMALL_STORE = {"object_store_memory": 80 * 2**20}
# A lost node is noticed after 10 s, not 30; no dashboard, no log monitor.
HEAD = SMALL_STORE | {
    "num_cpus": 0,
    "include_dashboard": False,
    "include_log_monitor": False,
    "_system_config": {"health_check_period_ms": 1000, "health_check_failure_threshold": 10},
}


@pytest.fixture(scope="module")
def nodes() -> Iterator[Cluster]:
    """A cluster whose processes know nothing of this tree; they end with this process, however it ends."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTHONPATH", raising=False)
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        cluster = Cluster(initialize_head=True, shutdown_at_exit=True, head_node_args=HEAD)
        try:
            for _ in range(2):
                cluster.add_node(num_cpus=1, include_log_monitor=False, **SMALL_STORE)
            yield cluster
        finally:
            ray.shutdown()
            cluster.shutdown()


@pytest.fixture
def on_cluster(nodes: Cluster, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    monkeypatch.setenv("RAY_ADDRESS", nodes.address)
    return nodes


def where(report: Report) -> tuple[str, str]:
    report(0.5)
    return ray.get_runtime_context().get_node_id(), mnist_cnn.__file__


def test_w(on_cluster):
    t=time.time()
    print(run_all("w", [where]*3, str), time.time()-t)
    t=time.time()
    print(run_all("w", [where]*3, str), time.time()-t)
    assert 0
