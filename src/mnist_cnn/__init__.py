"""Compare convolutional networks on MNIST: which one to take, and does the difference mean anything?

For a notebook, or a script in any folder of the repository:

>>> import mnist_cnn
>>> mnist_cnn.load_runs().groupby("network")["accuracy"].mean()
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mnist_cnn.explore import (
        load_curves,
        load_images,
        load_networks,
        load_predictions,
        load_runs,
        load_statements,
    )

__all__ = ["load_curves", "load_images", "load_networks", "load_predictions", "load_runs", "load_statements"]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Imports pandas with the first of these functions that is used (PEP 562), and not before."""
        if name in __all__:
            return getattr(importlib.import_module("mnist_cnn.explore"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        """Lists the functions too, for who completes a name with the tab key."""
        return sorted({*globals(), *__all__})
