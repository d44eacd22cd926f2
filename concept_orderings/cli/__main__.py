"""Run the command ``concept-orderings`` as ``python -m concept_orderings.cli``."""

import sys

from concept_orderings.cli import main

if __name__ == "__main__":
    sys.exit(main())
