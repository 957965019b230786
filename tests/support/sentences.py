"""What makes a text readable: short sentences without code."""

import re

NAME = r"[A-Za-z]\w*-[A-Za-z]\w*"  # of a network
CODES = re.compile(r"at_most|more_|\bTrue\b|\bFalse\b|\bNone\b(?! is shown)|nan|none_|\{|\}|[a-z]+ \d-\d")


def sentences(text: str) -> list[str]:
    """Cuts a text into sentences, and a table into cells."""
    plain = re.sub(r"\]\([^)]*\)", "]", text)
    return re.split(r"[.!?]\s|[|\n]|\.$", re.sub(r"[*_]", " ", re.sub(NAME, "", plain)))
