"""``python -m concept_orderings.cli``: the same as ``concept-orderings``."""

import sys

from concept_orderings.cli import main

if __name__ == "__main__":
    sys.exit(main())
