"""The command `mnist-cnn`: reads digits in pictures, or writes a page on which all networks do."""

import argparse
from pathlib import Path

from mnist_cnn.command import run
from mnist_cnn.paths import EXPORT


def parse() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="mnist-cnn", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    predict = commands.add_parser("predict", help="say which digit each picture shows")
    predict.add_argument("pictures", nargs="+", metavar="PICTURE", help="a file, a folder, or - for stdin")
    predict.add_argument("--model", type=Path, default=EXPORT / "model.onnx", help="default %(default)s")
    predict.add_argument("--json", action="store_true", help="write a list of objects")
    predict.add_argument("--all", action="store_true", help="also the probabilities of all ten digits")
    demo = commands.add_parser("demo", help="write a page on which every network reads what is drawn")
    demo.add_argument("--output", type=Path, default=Path("demo.html"), help="default %(default)s")
    demo.add_argument("--no-open", action="store_true", help="only write it")
    return parser.parse_args()


def main() -> None:
    """Runs the command; what a subcommand needs is imported with it."""
    given = parse()
    if given.command == "demo":
        from mnist_cnn import demo

        run(lambda: demo.main(given.output, not given.no_open))
    else:
        from mnist_cnn import predict

        run(lambda: predict.main(given.pictures, given.model, given.json, given.all))


if __name__ == "__main__":
    main()
