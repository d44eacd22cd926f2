"""Facts that ship with the library: JSON compressed with xz, beside the licence of their origin.

`tests/support/packed_data.py` and `tests/support/packed_unicode.py` write these files. Nothing is read when a module is
imported.

Files
-----
class_lists.json.xz
    The class lists of the FoMo-in-Flux benchmark (MIT, see LICENSE.fomo_in_flux): an object with ``lists``, the classes
    of each dataset by its handle, in the dataset's own order; and ``outside_streams``, by handle, the classes of a list
    that none of the benchmark's streams has.
frequency_ranks.u16.xz
    The rank by frequency of each concept of the benchmark's streams (MIT, see LICENSE.fomo_in_flux), in canonical
    order of the concepts: see `concept_orderings.evidence.ranks`.
look_alikes.json.xz
    From Unicode 17.0.0 (Unicode-3.0, see LICENSE.unicode): an object with ``assigned``, the first and the last of each
    run of code points that Unicode 14.0 has; and ``prototypes``, by character, the text that it looks like. They are
    the confusables of Unicode Technical Standard #39, for characters in compatibility decomposition, without "m" for
    "rn".
performance_sequence_1.u16.xz and similarity_sequence_K.u16.xz, K from 1 to 5
    Streams of the benchmark (MIT, see LICENSE.fomo_in_flux): at each position, the index of the concept in their
    canonical order. `concept_orderings.published_streams` makes others from these.
time_incremental_rsagg_K.u16.xz and time_incremental_dschunked_K.u16.xz, K from 1 to 5
    Streams of the same origin that keep years or datasets whole. First the groups in the order of the stream, as places
    among the sorted years or names of datasets; then, at each position, how many concepts of the group that have not
    come yet stand before this one in canonical order. This takes a seventh less room than indices.
"""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

CLASS_LISTS = "class_lists"
FREQUENCY_RANKS = "frequency_ranks"
LOOK_ALIKES = "look_alikes"
PERFORMANCE = "performance_sequence_1"
PERMUTATIONS = (
    PERFORMANCE,
    *(
        f"{order}_{k}"
        for order in ("similarity_sequence", "time_incremental_rsagg", "time_incremental_dschunked")
        for k in range(1, 6)
    ),
)
"""The packed streams of the benchmark."""


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

    return json.loads(_unpacked(f"{name}.json.xz"))


@cache
def read_numbers(name: str) -> NDArray[np.int64]:
    """Return the numbers of the file ``NAME.u16.xz`` in this package, (n,) int64; it is read once per process.

    The file has the low bytes of all numbers and then their high bytes, because xz packs these better apart.

    Parameters
    ----------
    name
        The file's name without its suffixes, such as `FREQUENCY_RANKS`.
    """
    low, high = np.frombuffer(_unpacked(f"{name}.u16.xz"), dtype=np.uint8).reshape(2, -1).astype(np.int64)
    numbers: NDArray[np.int64] = low + 256 * high
    numbers.setflags(write=False)
    return numbers


def _unpacked(file: str) -> bytes:
    import lzma  # noqa: PLC0415
    from importlib.resources import files  # noqa: PLC0415

    return lzma.decompress(files(__package__).joinpath(file).read_bytes())
