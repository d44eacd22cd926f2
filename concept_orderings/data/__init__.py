"""Facts that ship with the library: JSON compressed with xz, beside the licence of their origin.

`tests/support/packed_data.py` writes these files. Nothing is read when a module is imported.

Files
-----
class_lists.json.xz
    The class lists of the FoMo-in-Flux benchmark (MIT, see LICENSE.fomo_in_flux): an object with ``lists``, the classes
    of each dataset by its handle, in the dataset's own order; and ``outside_streams``, by handle, the classes of a list
    that none of the benchmark's streams has.
"""

from functools import cache
from typing import Any

CLASS_LISTS = "class_lists"


@cache
def read_packed(name: str) -> Any:
    """Return the JSON value of the file ``NAME.json.xz`` in this package; it is read once per process.

    Callers must not change it.

    Parameters
    ----------
    name
        The file's name without its suffixes, such as `CLASS_LISTS`.
    """
    # Late, because programs that need no such facts start faster without these modules.
    import json  # noqa: PLC0415
    import lzma  # noqa: PLC0415
    from importlib.resources import files  # noqa: PLC0415

    return json.loads(lzma.decompress(files(__package__).joinpath(f"{name}.json.xz").read_bytes()))
