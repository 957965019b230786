"""How a stage ends: quietly when it worked, with one line and status 1 when the user can mend it."""

import gc
import sys
from collections.abc import Callable

GARBAGE_AFTER = 100_000  # new objects


class UserError(Exception):
    """Something that the user can mend; its message says what was wrong, where, and what to do."""


def run(main: Callable[[], None]) -> None:
    """Calls `main` and turns what the user can mend into one line on stderr and exit status 1."""
    # Importing PyTorch makes objects by the million and no garbage: a quarter of the time goes into looking.
    gc.set_threshold(GARBAGE_AFTER)
    try:
        main()
    except (UserError, OSError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("interrupted")
