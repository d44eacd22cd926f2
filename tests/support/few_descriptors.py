"""Run a program with a low soft limit of open files, as systems set it: ``few_descriptors.py PROGRAM [ARGUMENTS]``.

The soft and the hard limit are in ``DESCRIPTORS``, such as ``1024:20000``.
"""

import os
import resource
import runpy
import sys

if __name__ == "__main__":
    soft, hard = (int(each) for each in os.environ["DESCRIPTORS"].split(":"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__")
