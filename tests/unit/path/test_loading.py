import os
import shutil
import subprocess
import sys
from pathlib import Path

import concept_orderings
from support.optional import needs_numba

PACKAGE = Path(concept_orderings.__file__).parent


def python(code: str, where: Path, **environment: str) -> None:
    subprocess.run([sys.executable, "-c", code], cwd=where, env={**os.environ, **environment}, check=True, timeout=120)


def test_importing_the_path_loads_no_compiler() -> None:
    python("import sys, concept_orderings.path; assert 'numba' not in sys.modules", PACKAGE.parent)


@needs_numba
def test_kernels_load_on_a_read_only_file_system(tmp_path: Path) -> None:
    copy = tmp_path / "concept_orderings"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    # A file of that name keeps even root from making the directory.
    (copy / "path" / "__pycache__").touch()
    nowhere = {"HOME": "/dev/null", "XDG_CACHE_HOME": "/dev/null", "PYTHONPATH": str(tmp_path)}
    expected = str(copy / "path" / "kernels.py")
    python(f"from concept_orderings.path import kernels; assert kernels.__file__ == {expected!r}", tmp_path, **nowhere)
