"""Compare convolutional networks on MNIST: which one to take, and does the difference mean anything?

Importing the package pins the kernels that PyTorch, oneDNN and MKL choose by the processor, so that training
gives the same bits on every x86-64 processor with AVX2. The pins override the environment: a stage that ran
with other values would enter DVC's run cache as if it were reproducible. They work until PyTorch's first
operation. On other architectures than x86-64 they mean nothing.

`python -X native_numerics` leaves the choice to the libraries, for benchmarks, and in that process alone: DVC
starts no stage like that, and workers are always pinned.
"""

import os
import sys
import tempfile

PINS = {
    "ATEN_CPU_CAPABILITY": "avx2",  # PyTorch's own kernels
    "ONEDNN_MAX_CPU_ISA": "AVX2",  # convolutions
    "MKL_CBWR": "COMPATIBLE",  # linear layers; AVX2 would be heeded on Intel alone
}

for _name, _value in PINS.items():
    if "native_numerics" in sys._xoptions:
        os.environ.pop(_name, None)
    else:
        os.environ[_name] = _value

# Adam imports torch.compile, which creates its cache directory, by default a new one, and compiles nothing.
os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", tempfile.gettempdir())
