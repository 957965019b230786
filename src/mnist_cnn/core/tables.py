"""Data frames as CSV files that keep their bytes: what `compare` writes and the later stages read."""

from pathlib import Path

import pandas as pd

from mnist_cnn.core.files import SIGNIFICANT_DIGITS, reading, write_text


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Writes a data frame as CSV, without its index; NaN is an empty cell."""
    text = table.to_csv(index=False, float_format=f"%.{SIGNIFICANT_DIGITS}g", lineterminator="\n")
    write_text(path, text)


def read_table(path: Path) -> pd.DataFrame:
    """Reads what `write_table` wrote."""
    with reading(path):
        return pd.read_csv(path, keep_default_na=False, na_values=[""])
