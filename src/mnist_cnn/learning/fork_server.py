"""What the process from which the workers are forked imports first."""

import gc
import signal

# Importing PyTorch makes millions of objects and no garbage: looking for it takes a fifth of the time.
gc.set_threshold(100_000)
signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends the imports without a traceback
