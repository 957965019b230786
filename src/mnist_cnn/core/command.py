"""How a command ends: with one line and exit status 1 for what the user can mend, and together with DVC."""

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
from typing import Any

import psutil
import yaml

STAGE = "DVC_STAGE"  # environment variable with the name of the stage, which DVC sets for its command
OUT_OF_MEMORY = re.compile(
    "can.t allocate memory|failed to map segment|can.t start new thread|without exception set"
)
POLL_SECONDS, GRACE_SECONDS = 0.3, 1.0


class UserError(Exception):
    """Something that the user can mend; its message says what was wrong, where, and what to do."""


def run(main: Callable[[], None]) -> None:
    """Calls `main`, and turns what the user can mend into one line on stderr and exit status 1."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does: nothing is left behind
    try:
        if STAGE in os.environ:
            _run_stage(main)
        else:
            main()
    except (UserError, OSError) as error:
        sys.exit(f"error: {error}")
    except (MemoryError, RuntimeError, ImportError, SystemError) as error:
        if not isinstance(error, MemoryError) and not OUT_OF_MEMORY.search(str(error)):
            raise
        reason = " ".join(str(error).split()) or "no details"
        sys.exit(f"error: not enough memory ({reason}): close other programs and run it again")
    except KeyboardInterrupt:
        sys.exit("interrupted")


def _run_stage(main: Callable[[], None]) -> None:
    """Ends when DVC ends, and fails if what DVC will record is not what ran.

    DVC takes the hashes of code and the values of parameters when a command has ended, not when it starts.
    """
    process = _child_of_dvc()
    dvc = process.ppid()
    if hasattr(os, "getsid") and os.getsid(dvc) != os.getsid(0):
        raise KeyboardInterrupt  # DVC ended while Python was starting, and the process has another parent now
    threading.Thread(target=_end_with, args=(dvc, process), daemon=True).start()
    before = _recorded(os.environ[STAGE])
    main()
    after = _recorded(os.environ[STAGE])
    if changed := sorted(name for name in before | after if before.get(name) != after.get(name)):
        names = ", ".join(changed)
        raise UserError(f"{names} changed while this stage ran, so its result is not kept: run it again")


def _recorded(stage: str) -> dict[str, Any]:
    """Returns what DVC records of a stage: a hash of each file of code, and the value of each parameter."""
    name, _, item = stage.rpartition(":")[2].partition("@")
    model, _, kernel = item.partition("-")
    pipeline = _parsed(Path("dvc.yaml"))
    entry = pipeline["stages"].get(name) if isinstance(pipeline, dict) else None
    if entry is None:
        return {}  # while somebody edits dvc.yaml: everything has changed
    code = [path for dep in entry["deps"] if dep.startswith("src/") for path in _files(Path(dep))]
    recorded: dict[str, Any] = {
        str(path): hashlib.md5(path.read_bytes(), usedforsecurity=False).digest() for path in code
    }
    params = _parsed(Path("params.yaml"))
    for parameter in entry.get("params", ()):
        if isinstance(parameter, dict):  # `params.yaml:` stands for the whole file
            recorded["params.yaml"] = params
            continue
        key, value = parameter.replace("${item.model}", model).replace("${item.kernel}", kernel), params
        for part in key.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        recorded[key] = value
    return recorded


def _parsed(path: Path) -> Any:
    """Returns the content of a YAML file; None if it is invalid, as it may be while somebody edits it."""
    with suppress(yaml.YAMLError):
        return yaml.safe_load(path.read_bytes())
    return None


def _files(path: Path) -> list[Path]:
    """Lists the files of code and templates at or below a path."""
    paths = [path, *path.rglob("*")]
    return [path for path in paths if path.suffix in (".py", ".j2") and path.is_file()]


def _child_of_dvc() -> psutil.Process:
    """Returns the process that DVC started: a shell that waits for this process, or this process itself."""
    process = psutil.Process()
    with suppress(psutil.Error):  # a parent of another user is not DVC
        while (parent := process.parent()) and STAGE in parent.environ():
            process = parent
    return process


def _end_with(dvc: int, process: psutil.Process) -> None:
    """Interrupts this process when DVC or its child has ended; kills it if that does not help."""
    with suppress(psutil.Error):
        while process.ppid() == dvc:
            time.sleep(POLL_SECONDS)
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(GRACE_SECONDS)
    os._exit(1)
