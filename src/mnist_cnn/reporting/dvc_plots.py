"""Makes the page of `dvc plots` work without a network: `python -m mnist_cnn.reporting.dvc_plots`.

DVC's own page loads Vega from the internet. This one contains it, fits the charts to the window, and follows
the reader's choice of light or dark colours. It is written into a folder that git ignores, and
.dvc/config.local refers to it.
"""

import subprocess
import sys
from pathlib import Path

import vl_convert
from markupsafe import Markup

from mnist_cnn.core.command import UserError, run
from mnist_cnn.core.files import write_text
from mnist_cnn.reporting.text import environment

DVC_FOLDER = Path(".dvc")
PAGE = Path("tmp/plots_page.html")  # relative to DVC_FOLDER, as DVC looks it up
VEGA_LITE = "5.21"  # of the schema that the templates in .dvc/plots are written for


def render_plots_page() -> str:
    """Returns the page with Vega inside; DVC replaces `{plot_divs}` by the charts."""
    vega = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=VEGA_LITE)
    return environment("en").get_template("plots_page.html.j2").render(vega=Markup(vega))


def main() -> None:
    """Writes the page, and names it in the part of DVC's configuration that stays on this machine.

    Raises:
        UserError: The current directory is not the top of a DVC repository, or DVC fails.
    """
    if not DVC_FOLDER.is_dir():
        raise UserError(f"{DVC_FOLDER} does not exist here: run this at the top of the repository")
    write_text(DVC_FOLDER / PAGE, render_plots_page())
    command = [sys.executable, "-m", "dvc", "config", "--local", "plots.html_template", PAGE.as_posix()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"dvc config: {' '.join(done.stderr.split())}")


if __name__ == "__main__":
    run(main)
