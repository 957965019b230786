"""How near the pipeline comes to what the machine can do. Benchmarks measure; they assert nothing."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "src"))
