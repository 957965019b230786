"""How a stage ends: quietly when it worked, with one line and status 1 when the user can mend it."""

import sys
from collections.abc import Callable


class UserError(Exception):
    """Something that the user can mend; its message says what was wrong, where, and what to do."""


def run(main: Callable[[], None]) -> None:
    """Calls `main` and turns what the user can mend into one line on stderr and exit status 1."""
    try:
        main()
    except (UserError, OSError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("interrupted")
