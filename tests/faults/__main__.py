"""`python -m tests.faults`."""

import sys
from pathlib import Path

# The packages of the tests know each other without a `tests` before their names, as under pytest.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from faults.sweep import main

if __name__ == "__main__":
    sys.exit(main())
