"""The exporters. The API, its schema, the command line and tests read the registry `EXPORTERS`."""

from collections.abc import Mapping

from concept_orderings.exporters.avalanche import Avalanche
from concept_orderings.exporters.base import Exporter
from concept_orderings.exporters.bibtex import Bibtex
from concept_orderings.exporters.bundle import Bundle
from concept_orderings.exporters.cff import Cff
from concept_orderings.exporters.continuum import Continuum
from concept_orderings.exporters.croissant import Croissant
from concept_orderings.exporters.csv import Csv
from concept_orderings.exporters.fomo import Fomo
from concept_orderings.exporters.fomo_config import FomoConfig
from concept_orderings.exporters.hf import Hf
from concept_orderings.exporters.jsonl import Jsonl
from concept_orderings.exporters.mammoth import Mammoth
from concept_orderings.exporters.mammoth_config import MammothConfig
from concept_orderings.exporters.parquet import Parquet
from concept_orderings.exporters.pycil import Pycil
from concept_orderings.exporters.streaming import Streaming
from concept_orderings.exporters.tasks import Tasks

__all__ = ["EXPORTERS", "Exporter"]

EXPORTERS: Mapping[str, type[Exporter]] = {
    each.name: each
    for each in (
        *(Fomo, Tasks, FomoConfig),
        *(Jsonl, Csv, Parquet),
        *(Avalanche, Continuum, Pycil, Mammoth, MammothConfig, Hf, Streaming),
        *(Croissant, Bibtex, Cff, Bundle),
    )
}
