"""The cost of portable numerics: the time of a training step, relative to one with native numerics."""

import time
from statistics import median
from typing import Any

from benchmarks.processes import NATIVE, Processes
from benchmarks.throughput import short, step_seconds
from mnist_cnn.core.params import Params

ROUNDS = 5


def measure(params: Params, quick: bool) -> dict[str, Any]:
    """Measures CPU seconds of a step on one thread; two processes with the two numerics alternate.

    Returns:
        Time of a step with portable numerics / time with native numerics, the median over the rounds, by
        network.
    """
    train, ratios = short(params.train), {}
    with Processes() as portable, Processes(options=NATIVE) as native:
        for network in params.networks():
            rounds = []
            for _ in range(1 if quick else ROUNDS):
                ours, theirs = (
                    process.call(step_seconds, network, train, time.thread_time)[0]
                    for process in (portable, native)
                )
                rounds.append(ours / theirs)
            ratios[network.name] = median(rounds)
            print(f"numerics: {network.name}", flush=True)
    return {"ratios": ratios}
