"""The command `mnist-cnn`: reads digits in pictures, or makes a page to draw on."""

import argparse
import os
import signal
from pathlib import Path

from mnist_cnn.core.command import run
from mnist_cnn.core.paths import EXPORT


def main() -> None:
    """Runs what the command line names; a mistake of the user is one line on stderr and status 1."""
    run(_run_subcommand)


def _run_subcommand() -> None:
    """Imports what a subcommand needs when it is asked for, so that `predict` starts without PyTorch."""
    told = _parser().parse_args()
    if told.subcommand == "predict":
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # ONNX Runtime's, which keeps files elsewhere and reports
        from mnist_cnn import predict

        if hasattr(signal, "SIGPIPE"):
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `| head` has enough: no error
        predict.main(told.pictures, told.model, told.json, told.all)
    else:
        from mnist_cnn import demo

        demo.main(told.output, told.open)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mnist-cnn", description=__doc__)
    subcommands = parser.add_subparsers(dest="subcommand", required=True)
    predict = subcommands.add_parser(
        "predict",
        help="read the digit in each picture",
        epilog="Exit status 1: some picture could not be read.",
    )
    predict.add_argument(
        "pictures", nargs="+", metavar="PICTURE", help="a file, a folder, or - (standard input)"
    )
    predict.add_argument("--model", type=Path, default=EXPORT / "model.onnx", help="default: %(default)s")
    predict.add_argument("--json", action="store_true", help="a list of objects instead of lines")
    predict.add_argument("--all", action="store_true", help="the probability of each digit too")
    demo = subcommands.add_parser("demo", help="write a page on which every network reads what is drawn")
    demo.add_argument("--output", type=Path, default=Path("demo.html"), help="default: %(default)s")
    demo.add_argument("--no-open", dest="open", action="store_false", help="do not show it in the browser")
    return parser
