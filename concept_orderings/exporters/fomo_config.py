"""The fomo-config format: a Hydra override file for the FoMo-in-Flux benchmark.

Asserted by the benchmark's documented arithmetic: it cuts a sequence of N concepts into T tasks in order, the first
N mod T of which get one concept more. A version with other sizes becomes one run for each task.
"""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import ClassVar

from concept_orderings.catalogue import find_dataset
from concept_orderings.class_lists import class_list
from concept_orderings.concepts import split_concept
from concept_orderings.errors import CannotExpress
from concept_orderings.exporters.base import Exporter
from concept_orderings.exporters.budget import benchmark_shares, training_of
from concept_orderings.exporters.fomo import Fomo, fomo_list
from concept_orderings.published import PublishedVersion
from concept_orderings.split import EqualTasks
from concept_orderings.stored_zip import stored_zip
from concept_orderings.text import first_of, shown

_MOST_NAMED = 20

_HEAD = """\
# @package _global_
# {stream}, version {number}, digest {digest}
"""

_ONE_BY_ONE = """\
# The benchmark cuts a sequence into equal tasks, and this version has others: task {task} of {tasks} is a run of its
# own. Begin it from the model that the run before has left. In each run its task is the first one: the buffer is empty,
# and its share of a batch goes to the update and the pretraining data.
"""


class FomoConfig(Exporter):
    """The override file; for tasks that the benchmark cannot cut, a ZIP with a file and a sequence for each."""

    name = "fomo-config"
    media_type = "application/yaml"
    suffix = "yaml"
    other_form: ClassVar[tuple[str, str]] = ("application/zip", "zip")
    summary = "A Hydra override file of the FoMo-in-Flux benchmark; a ZIP of one for each task if it cuts others."

    def render(self, version: PublishedVersion) -> bytes:
        """See `Exporter.render`.

        Raises
        ------
        CannotExpress
            The benchmark does not have a dataset or a class, or cuts the batch of the first task in another way.
        """
        _check_known(version.concepts)
        datasets = whole_datasets(version.concepts_by_task)
        if datasets is not None:
            settings = {"experiment.task.dataset_incremental": True, "experiment.dataset.name": datasets}
            return _file(version, "", {**settings, **_training(version)})
        if version.sizes == EqualTasks(len(version.sizes)).sizes(range(sum(version.sizes))):
            sequence = Fomo().file_name(version.stream, version.number)
            comment = f"# experiment.dataset.sequence is the export fomo of the version: save it as {sequence}.\n"
            return _file(version, comment, {**_sequence(sequence, len(version.sizes)), **_training(version)})
        return stored_zip(_runs(version))


def _check_known(concepts: Sequence[str]) -> None:
    unknown = [concept for concept in concepts if not _is_known(*split_concept(concept))]
    if unknown:
        raise CannotExpress.of(
            "fomo-config",
            f"the benchmark does not have {len(unknown):,} of its concepts "
            f"({first_of([shown(each) for each in unknown], _MOST_NAMED)}), and its program stops at such a name",
            "Post the stream without them, or take tasks or jsonl, which have any names",
        )


def _is_known(dataset: str, class_name: str) -> bool:
    return class_name in _classes_of(dataset)


@cache
def _classes_of(dataset: str) -> frozenset[str]:
    known = find_dataset(dataset)
    return frozenset() if known is None else frozenset(class_list(known) or ())


def whole_datasets(tasks: Sequence[Sequence[str]]) -> list[str] | None:
    """Return the handles of the datasets if each task is one whole dataset, else None.

    The benchmark then makes the tasks from the names of the datasets alone.
    """
    found: list[str] = []
    for task in tasks:
        pairs = [split_concept(concept) for concept in task]
        known = find_dataset(pairs[0][0])
        if known is None or any(dataset != known.name for dataset, _ in pairs):
            return None
        if {class_name for _, class_name in pairs} != _classes_of(known.name):
            return None
        found.append(known.handle)
    return found


def _sequence(path: str, tasks: int) -> dict[str, object]:
    return {"experiment.dataset.sequence": path, "experiment.task.num": tasks}


def _training(version: PublishedVersion) -> dict[str, object]:
    training = training_of(version)
    shares = benchmark_shares(training, FomoConfig.name)
    return {
        "experiment.task.n_samples": training.samples_per_task,
        "experiment.task.batch_size": training.batch_size,
        **{f"experiment.task.data_mixture.{pool}": share for pool, share in shares.items()},
    }


def _runs(version: PublishedVersion) -> dict[str, bytes]:
    tasks, members = len(version.sizes), dict[str, bytes]()
    for i, concepts in enumerate(version.concepts_by_task):
        name = f"task-{i:0{len(str(tasks - 1))}d}"
        settings = {**_sequence(f"{name}.json", 1), **_training(version)}
        members[f"{name}.yaml"] = _file(version, _ONE_BY_ONE.format(task=i, tasks=tasks), settings)
        members[f"{name}.json"] = fomo_list(concepts)
    return members


def _file(version: PublishedVersion, comment: str, settings: Mapping[str, object]) -> bytes:
    """Return an override file; each value is JSON, which YAML reads."""
    head = _HEAD.format(stream=version.stream, number=version.number, digest=version.digest)
    return (head + comment + _nested(settings)).encode("ascii")


def _nested(settings: Mapping[str, object]) -> str:
    """Return dotted names as nested mappings of YAML."""
    lines: list[str] = []
    above: list[str] = []
    for name, value in sorted(settings.items()):
        *parents, last = name.split(".")
        for depth, parent in enumerate(parents):
            if above[: depth + 1] != parents[: depth + 1]:
                lines.append(f"{'  ' * depth}{parent}:")
        above = parents
        lines.append(f"{'  ' * len(parents)}{last}: {json.dumps(value)}")
    return "\n".join(lines) + "\n"
