"""How a stage ends: quietly when it worked, with one line and status 1 when the user can mend it."""

import gc
import hashlib
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

GARBAGE_AFTER = 100_000  # new objects
SOURCES = Path(__file__).parent.parent
IN_STAGE = "DVC_STAGE"  # environment variable that DVC gives to the command of a stage
NO_MEMORY = re.compile(
    "can.t allocate memory|failed to map segment|can.t start new thread|without exception set"
)
LOOK_SECONDS, GRACE_SECONDS = 0.3, 1.0


class UserError(Exception):
    """Something that the user can mend; its message says what was wrong, where, and what to do."""


def run(main: Callable[[], None]) -> None:
    """Calls `main` and turns what the user can mend into one line on stderr and exit status 1."""
    # Importing PyTorch makes objects by the million and no garbage: a quarter of the time goes into looking.
    gc.set_threshold(GARBAGE_AFTER)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does: nothing is left behind
    try:
        if IN_STAGE in os.environ:
            _run_in_stage(main)
        else:
            main()
    except (UserError, OSError) as error:
        sys.exit(f"error: {error}")
    except (MemoryError, RuntimeError, ImportError, SystemError) as error:
        if not isinstance(error, MemoryError) and not NO_MEMORY.search(str(error)):
            raise
        reason = " ".join(str(error).split()) or "no more is given"
        sys.exit(f"error: not enough memory ({reason}): close other programs and run it again")
    except KeyboardInterrupt:
        sys.exit("interrupted")


def _run_in_stage(main: Callable[[], None]) -> None:
    """Ends with DVC, however that ends; and fails if what DVC will record is not what ran.

    DVC takes the hashes of code and the values of parameters when a command has ended, not when it starts.
    """
    process = _started_by_dvc()
    dvc = process.ppid()
    if hasattr(os, "getsid") and os.getsid(dvc) != os.getsid(0):
        raise KeyboardInterrupt  # DVC ended while Python was starting: somebody else is the parent now
    threading.Thread(target=_end_with, args=(dvc, process), daemon=True).start()
    before = _state()
    main()
    after = _state()
    if changed := [path for path, digest in before.items() if after.get(path) != digest and _used(path)]:
        names = ", ".join(os.path.relpath(path) for path in sorted(changed))
        raise UserError(f"{names} changed while this stage ran, so its result is not kept: run it again")


def _state() -> dict[Path, bytes]:
    """Hashes what a stage is made of: code, templates and parameters."""
    paths = [Path("params.yaml"), *SOURCES.rglob("*.py"), *SOURCES.rglob("*.j2")]
    return {
        path: hashlib.md5(path.read_bytes(), usedforsecurity=False).digest()
        for path in paths
        if path.is_file()
    }


def _used(path: Path) -> bool:
    """Says whether this process has imported a module; templates come with jinja2, parameters with all."""
    if path.suffix == ".j2":
        return "jinja2" in sys.modules
    return path.suffix != ".py" or str(path) in {
        getattr(one, "__file__", "") for one in [*sys.modules.values()]
    }


def _started_by_dvc() -> psutil.Process:
    """Returns the child of DVC's: a shell that waits for this process, or this process in its place."""
    process = psutil.Process()
    with suppress(psutil.Error):  # a parent that is another user's is not ours
        while (parent := process.parent()) and IN_STAGE in parent.environ():
            process = parent
    return process


def _end_with(dvc: int, process: psutil.Process) -> None:
    """Interrupts this process when DVC is gone, or what it started; ends it if that does not help."""
    with suppress(psutil.Error):
        while process.ppid() == dvc:
            time.sleep(LOOK_SECONDS)
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(GRACE_SECONDS)
    os._exit(1)
