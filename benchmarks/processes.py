"""Python processes with portable numerics, or with native ones, which the libraries choose."""

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any, Self

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
NATIVE = ("-X", "native_numerics")  # multiprocessing does not hand such an option on


class Processes:
    """Processes that do the same work at the same time; they end with the `with` block."""

    def __init__(self, number: int = 1, options: tuple[str, ...] = ()) -> None:
        command = [sys.executable, *options, "-m", "benchmarks.processes"]
        self._started = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(number)
        ]

    def call(self, work: Callable[..., Any], *arguments: Any) -> list[Any]:
        """Returns the result of each process.

        Raises:
            Exception: What `work` raised in one of them.
        """
        for one in self._started:
            assert one.stdin is not None
            pickle.dump((work, arguments), one.stdin)
            one.stdin.flush()
        results = [pickle.load(one.stdout) for one in self._started if one.stdout is not None]  # noqa: S301
        for error in results:
            if isinstance(error, Exception):
                raise error
        return results

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for one in self._started:
            one.terminate()
            one.communicate()


def main() -> None:
    """Executes the calls that arrive on standard input, until it is closed."""
    requests, results = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # processes that `work` starts do not read the requests
    os.dup2(2, 1)  # and do not print between the results
    while True:
        try:
            work, arguments = pickle.load(requests)  # noqa: S301  # from our own parent
        except EOFError:
            return
        try:
            result = work(*arguments)
        except Exception as error:  # the parent raises it
            result = error
        pickle.dump(result, results)
        results.flush()


if __name__ == "__main__":
    main()
