"""The command `mnist-cnn`: predicts the digits in pictures, or writes a page to draw digits on."""

import argparse
import os
import signal
from pathlib import Path

from mnist_cnn.core.command import run
from mnist_cnn.core.paths import EXPORT


def main() -> None:
    """Runs the subcommand; a mistake of the user is one line on stderr and exit status 1."""
    run(_run_subcommand)


def _run_subcommand() -> None:
    """Imports only what the subcommand needs, so that it starts fast."""
    arguments = _parser().parse_args()
    if arguments.subcommand == "predict":
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before the import: ONNX Runtime writes files and reports
        from mnist_cnn.app.predict import print_predictions

        if hasattr(signal, "SIGPIPE"):
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `| head` closes the pipe early: not an error
        print_predictions(arguments.pictures, arguments.model, arguments.json)
    else:
        from mnist_cnn.app.demo import write_demo

        write_demo(arguments.output, arguments.open)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mnist-cnn", description=__doc__)
    subcommands = parser.add_subparsers(dest="subcommand", required=True)
    predict = subcommands.add_parser("predict", help="predict the digit in each picture")
    predict.add_argument(
        "pictures", nargs="+", metavar="PICTURE", help="a file, a folder, or - (standard input)"
    )
    predict.add_argument("--model", type=Path, default=EXPORT / "model.onnx", help="default: %(default)s")
    predict.add_argument("--json", action="store_true", help="print all probabilities as JSON")
    demo = subcommands.add_parser("demo", help="write a page on which all networks classify your drawing")
    demo.add_argument("--output", type=Path, default=Path("demo.html"), help="default: %(default)s")
    demo.add_argument("--no-open", dest="open", action="store_false", help="do not open a browser")
    return parser
