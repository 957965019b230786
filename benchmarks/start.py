"""What a train stage takes before its first run: one new process after the other, in parts."""

import json
import subprocess
import sys
from statistics import median

REPETITIONS = 5

STAGE = """
import gc, json, time
times = {}
def lap(name):
    times[name] = time.process_time() - sum(times.values())
lap("Python")
import mnist_cnn.stages.train
from mnist_cnn.command import GARBAGE_AFTER
from mnist_cnn.paths import PREPARED
gc.set_threshold(GARBAGE_AFTER)
lap("NumPy, joblib, pydantic, rich, own modules")
import torch
lap("PyTorch")
torch.optim.Adam([torch.zeros(1)])
lap("Adam, which imports torch.compile")
mnist_cnn.stages.train.load_training_set(PREPARED)
lap("the images")
print(json.dumps(times))
"""


def measure() -> dict[str, float]:
    """Returns CPU seconds, medians of several processes."""
    times = [
        json.loads(subprocess.run([sys.executable, "-c", STAGE], stdout=subprocess.PIPE, check=True).stdout)
        for _ in range(REPETITIONS)
    ]
    return {name: median(one[name] for one in times) for name in times[0]}
