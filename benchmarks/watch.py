"""What the processes below this one use while they run."""

import os
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import psutil

INTERVAL = 0.2  # seconds between two looks
STAGES = ("download", "prepare", "train", "evaluate", "compare", "report")


def _kind(process: psutil.Process) -> str:
    """Names the stage that a process works for, "dvc", or "other"; a worker is what its parent is."""
    words = process.cmdline()
    for stage in STAGES:
        if f"mnist_cnn.stages.{stage}" in words:
            return stage
    if any(Path(word).name == "dvc" for word in words[:2]):
        return "dvc"
    parent = process.parent() if any("joblib" in word for word in words) else None
    return _kind(parent) if parent and parent.pid != os.getpid() else "other"


@dataclass
class Watch:
    """What was seen so far.

    Attributes:
        seconds: Processor seconds of each process, user and system, as last seen.
        kinds: What each process is.
        memory: Largest resident memory of one process of each kind, in bytes.
        total_memory: Largest resident memory of all processes, in bytes; shared pages count each time.
        training: Wall seconds in which a train stage ran, and the processor seconds of all processes then.
    """

    seconds: dict[int, float] = field(default_factory=dict)
    kinds: dict[int, str] = field(default_factory=dict)
    memory: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    total_memory: int = 0
    training: tuple[float, float] = (0.0, 0.0)
    _last: tuple[float, float] = (0.0, 0.0)

    def look(self) -> None:
        """Takes one sample of every process."""
        total, kinds = 0, set()
        for process in psutil.Process().children(recursive=True):
            try:
                kind = self.kinds.get(process.pid, "other")
                kind = _kind(process) if kind == "other" else kind  # a shell becomes what it starts
                times, memory = process.cpu_times(), process.memory_info().rss
            except psutil.Error:  # it has just ended
                continue
            kinds.add(kind)
            self.kinds[process.pid] = kind
            self.seconds[process.pid] = times.user + times.system
            self.memory[kind] = max(self.memory[kind], memory)
            total += memory
        self.total_memory = max(self.total_memory, total)
        now, used = time.perf_counter(), sum(self.seconds.values())
        if "train" in kinds:
            wall, busy = self.training
            self.training = wall + now - self._last[0], busy + used - self._last[1]
        self._last = now, used

    def seconds_of(self, *kinds: str) -> float:
        """Returns the processor seconds of all processes of some kinds."""
        return sum(seconds for pid, seconds in self.seconds.items() if self.kinds[pid] in kinds)
