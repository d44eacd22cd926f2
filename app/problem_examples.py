"""An example of each error that a route can answer, for the OpenAPI document, which alone imports this module.

An example is made as the service makes the error, where that needs nothing but a body. All others are copied from
answers; a test compares those that it can provoke with the answers of a service.
"""

import json
from collections.abc import Callable, Mapping
from contextvars import copy_context
from functools import partial
from http import HTTPStatus
from typing import Any

from app.errors import client_full, problem, problem_of
from app.examples import STREAM_NAME
from app.routes.problems import FAILED_SOURCE, code_of
from app.uploaded_counts import MEDIA_TYPES, read_counts
from app.uploaded_scores import read_scores
from app.uploaded_tables import CSV
from concept_orderings.canonical import Json
from concept_orderings.counts_request import parse_counts_request
from concept_orderings.errors import InvalidInput
from concept_orderings.evidence.counts import RESERVED
from concept_orderings.evidence.tables import TABLE_KINDS
from concept_orderings.exporters import EXPORTERS
from concept_orderings.exporters.pycil import increment_of
from concept_orderings.json_text import decode_json
from concept_orderings.labels import Labels, catalogue_labels, label_order, parse_labels
from concept_orderings.url_names import URL_NAME_RULE
from concept_orderings.variants import parse_requests
from store.damage import counts_file_damaged, labels_damaged, scores_file_damaged, version_damaged
from store.disk_space import store_full
from store.request_id import REQUEST_ID
from store.runs import ClientFull
from store.scores_files import no_such_scores
from store.sources import no_such_source

EXAMPLE_REQUEST_ID = "rank-7.step-3"
"""The id of the request in all examples."""

_GADGETS: dict[str, Json] = {"name": "my-gadgets", "classes": ["e-reader", "smart ring"]}
_RANDOM: dict[str, Json] = {"kind": "random"}


def _request(**changes: Any) -> dict[str, Any]:
    return {"name": STREAM_NAME, "datasets": [_GADGETS], "ordering": _RANDOM, "tasks": {"count": 2}, **changes}


def _of_gadgets(**changes: Any) -> dict[str, Any]:
    return _request(datasets=[{**_GADGETS, **changes}])


def _without(name: str) -> dict[str, Any]:
    return {field: value for field, value in _request().items() if field != name}


REFUSED_STREAMS: Mapping[str, Any] = {
    "wrong_type": _of_gadgets(classes="e-reader"),
    "missing_field": _without("ordering"),
    "unknown_field": _request(seed=7),
    "missing_concepts": _without("datasets"),
    "missing_classes": _request(datasets=[{"name": "CIFAR-100"}]),
    "conflicting_fields": _request(concepts=["CIFAR100+++bear"]),
    "bad_stream_name": _request(name="First steps"),
    "bad_variants": _request(variants=0),
    "seed_changes_nothing": _request(ordering={"kind": "given"}, variants=5),
    "bad_description": _request(description="Two\nlines"),
    "bad_name": _of_gadgets(name="A+"),
    "bad_class_name": _of_gadgets(classes=["e-reader", "my-gadgets+++smart ring"]),
    "bad_concept": {**_without("datasets"), "concepts": ["CIFAR100 bear"]},
    "bad_template": _of_gadgets(template="A photo of a {gadget}."),
    "bad_synonyms": _of_gadgets(classes=[["e-reader", "e-book reader", "e-reader"], "smart ring"]),
    "empty_class_list": _of_gadgets(classes=[]),
    "duplicate_concept": _of_gadgets(classes=["e-reader", "smart ring", "e-reader"]),
    "no_class_list": _request(datasets=[{"name": "mscoco"}]),
    "unknown_class": _request(datasets=[{"name": "cifar100", "classes": ["aple", "bear"]}], strict=True),
    "unknown_dataset": _request(datasets=[{"name": "CIFAR-100", "classes": ["apple", "bear"]}], strict=True),
    "bad_year": _of_gadgets(year=24),
    "bad_score": _of_gadgets(scores="high"),
    "bad_count": _of_gadgets(counts={"e-reader": -1, "smart ring": 388}),
    "bad_query": _of_gadgets(queries={"smart ring": []}),
    "bad_samples": _of_gadgets(samples={"e-reader": 0, "smart ring": 120}),
    "unknown_ordering": _request(ordering={"kind": "alphabetical"}),
    "unknown_parameter": _request(ordering={"kind": "random", "shuffle": True}),
    "bad_parameter": _request(ordering={"kind": "random", "seed": "seven"}),
    "within_too_deep": _request(
        ordering={"kind": "dataset", "within": {"kind": "dataset", "within": {"kind": "random"}}}
    ),
    "datasets_against_years": _request(
        datasets=[{"name": "cifar100"}, {"name": "dtd"}],
        ordering={"kind": "time", "datasets_in_order": ["dtd", "cifar100"]},
    ),
    "ties_not_found": _request(
        ordering={"kind": "frequency", "source": "infini-gram", "ties": {"stream": "fomo/frequency_bas"}}
    ),
    "unknown_published_stream": _request(ordering={"kind": "published", "stream": "similarity_sequence_3"}),
    "not_in_published_stream": _request(
        datasets=[{"name": "cifar100", "classes": ["aple", "bear"]}],
        ordering={"kind": "published", "stream": "icarl/cifar100"},
    ),
    "bad_task_count": _request(tasks={"count": 20}),
    "bad_task_sizes": _request(tasks={"sizes": [1, 2]}),
    "bad_task_rule": _request(tasks={"by": "week"}),
    "bad_samples_per_task": _request(training={"samples_per_task": 0}),
    "bad_batch_size": _request(training={"batch_size": 0.5}),
    "bad_share": _request(training={"mixture": {"pretraining": -0.5, "update": 1, "buffer": 0.5}}),
    "bad_mixture": _request(training={"mixture": {"pretraining": 0.33, "update": 0.33, "buffer": 0.33}}),
    "bad_batch_rule": _request(training={"rule": "nearest"}),
    "no_steps": _request(training={"samples_per_task": 500, "batch_size": 512}),
    "bad_task_samples": _request(datasets=[{"name": "cifar100"}], tasks={"by": "samples", "per_task": 0}),
    "too_many_tasks": _request(datasets=[{"name": "cifar100"}], tasks={"by": "samples", "per_task": 100}),
    "missing_years": _request(ordering={"kind": "time"}),
    "missing_scores": _request(ordering={"kind": "performance"}),
    "missing_counts": _request(ordering={"kind": "frequency"}),
    "missing_templates": _request(ordering={"kind": "similarity"}),
    "missing_samples": _of_gadgets(samples={"smart ring": 120}),
}
"""By the name of an example, a request for a stream that is refused with its code."""

REFUSED_LOOKS: Mapping[str, Any] = {
    "wrong_type.counts": {"names": "sunflower"},
    "missing_field.counts": {},
    "unknown_field.counts": {"names": ["sunflower"], "name": "sunflower"},
    "conflicting_fields.counts": {"names": ["sunflower"], "queries": ["sunflower"]},
    "bad_query.counts": {"queries": [[]]},
    "bad_parameter.counts": {"names": ["sunflower"], "counted_since": "yesterday"},
}
"""By the name of an example, a request for counts that is refused with its code."""

REFUSED_LABELS: Mapping[str, Any] = {
    "wrong_type.labels": {"my-gadgets": "smart ring"},
    "empty_class_list.labels": {"my-gadgets": []},
    "bad_name.labels": {"A+": ["smart ring"]},
    "bad_class_name.labels": {"my-gadgets": ["my-gadgets+++smart ring"]},
    "duplicate_concept.labels": {"my-gadgets": ["smart ring", "e-reader", "smart ring"]},
}
"""By the name of an example, labels that are refused with its code."""

REFUSED_FILES: Mapping[str, bytes] = {
    "bad_counts_file": b"name,count\nsunflower,many\n",
    "conflicting_counts": b"name,count\naquarium fish,388\naquarium_fish,389\n",
}
"""By the name of an example, a counts file (CSV) that is refused with its code."""

REFUSED_SCORES_FILES: Mapping[str, bytes] = {
    "bad_scores_file": b"dataset,class,score\ncifar100,bear,high\n",
    "conflicting_scores": b"dataset,class,score\ncifar100,bear,71.5\nCIFAR100,bear,72.5\n",
}
"""By the name of an example, a scores file (CSV) that is refused with its code."""

_COPIED: Mapping[int, Mapping[str, str]] = {
    400: {
        "invalid_json": "The body is not JSON: Expecting value: line 1 column 1 (char 0).",
        "invalid_gzip": "The body cannot be unpacked as gzip, which is its Content-Encoding: Error -3 while "
        "decompressing data: incorrect header check. Pack it again, or send it unpacked and without that header.",
    },
    404: {
        "unknown_stream": "There is no stream no-such-stream with a finished version; GET /v1/streams lists all "
        "streams.",
        "unknown_version": f"The stream {STREAM_NAME} has no version 9; its latest is 1.",
        "unknown_task": f"Version 1 of {STREAM_NAME} has the tasks 0 to 2, and no task 9.",
        "unknown_format": f"There is no format 'task'; did you mean tasks? The formats are {', '.join(EXPORTERS)}.",
        "unknown_labels": f"There are no labels with the digest {'0f' * 32}. PUT /v1/labels stores labels and answers "
        "with their digest; the answer to the POST of a stream has the labels_digest of its lists.",
        "unknown_evidence": "There is no evidence 'vector'; did you mean vectors? The kinds are "
        f"{', '.join(TABLE_KINDS)}.",
        "evidence_not_kept": f"Version 1 of {STREAM_NAME} was not made from counts; the evidence that it has is years "
        "(ordering: time).",
        "unknown_dataset.url": "The catalogue has no dataset 'CIFAR-100'; did you mean cifar100? GET /v1/datasets "
        "lists all 63.",
        "unknown_job": "There is no such job, or it finished more than 7 days ago.",
        "source_not_found.counts": no_such_source("c5", ["c4", "infini-gram"]),
        "source_not_found.file": "There is no counts file 'c5'; GET /v1/sources lists all sources, and those of the "
        "kind file can be deleted.",
        "source_not_found.scores": no_such_scores("other-scores", ["my-scores"]),
    },
    409: {
        "job_finished": "The job has succeeded; there is nothing to cancel.",
        "source_exists": "The source my-counts exists already, with other counts or another unit, corpus or size: 2 "
        "names, documents of 'C4 (en), 2019-04 snapshot'. Stored counts are never replaced: choose another name.",
        "source_exists.scores": "The scores file my-scores exists already, with other scores or another model, metric "
        "or direction: 3 scores of 'OpenCLIP ViT-B/32', 'zero-shot accuracy in percent', higher is easier. Stored "
        "scores are never replaced: choose another name.",
    },
    413: {
        "body_too_large": "The body is over the limit of 67108864 bytes; split the class lists into several streams.",
        "body_too_large.labels": "The body is over the limit of 67108864 bytes; leave out datasets that no stream has.",
        "body_too_large.file": "The body is over the limit of 67108864 bytes; leave out names that are in no class "
        "list, or send Parquet.",
        "body_too_large.scores": "The body is over the limit of 67108864 bytes; leave out concepts that are in no "
        "class list, or send Parquet.",
    },
    415: {
        "unsupported_media_type": "The service does not read bodies with the Content-Encoding 'br'; pack the body "
        "with gzip once, or send it unpacked and without that header.",
        "unsupported_media_type.file": "Send a counts file, text in UTF-8, with one of these as Content-Type: "
        f"{', '.join(MEDIA_TYPES)}. A file that is packed with gzip has the same Content-Type, and Content-Encoding: "
        f"gzip.",
        "unsupported_media_type.scores": "Send a scores file, text in UTF-8, with one of these as Content-Type: "
        f"{', '.join(MEDIA_TYPES)}. A file that is packed with gzip has the same Content-Type, and Content-Encoding: "
        f"gzip.",
    },
    416: {"bad_range": "The range begins behind the end: there are 130048 bytes."},
    422: {
        "source_not_found": no_such_source("c5", ["c4", "infini-gram"]),
        "bad_query.limit": "limit: Input should be greater than or equal to 1.",
        "bad_query.v": "v: Input should be greater than or equal to 1.",
        "bad_query.format": "format: years are json or parquet, and not npz.",
        "bad_query.digest": "digest: give the digest of a version, 64 hexadecimal digits in lower case, or its "
        "first 12 or more.",
        "bad_query.compare": "a: 'first-steps' names no order: give NAME@VERSION, such as my-stream@1 or "
        "my-stream@latest, or a published stream, such as fomo/random_sequence_1.",
        "bad_query.unit": "unit: Input should be 'documents' or 'occurrences'.",
        "bad_query.direction": "direction: Input should be 'higher is easier' or 'lower is easier'.",
        "bad_event_id": "Last-Event-ID is not the id of an event of this job; leave it out to get all events.",
        "bad_source": "request has no counts to look at: it stands for the counts in a request for a stream.",
        "bad_stream_name.url": f"A stream's name {URL_NAME_RULE}.",
        "bad_source_name": f"The name of a counts file {URL_NAME_RULE}, and is none of {', '.join(RESERVED)}.",
        "bad_source_name.scores": f"The name of a scores file {URL_NAME_RULE}, and is neither request nor catalogue.",
        "unknown_parameter.scores": "The parameter 'unit' is unknown; the parameters are model, metric, direction.",
        "duplicate_field.scores": "The parameter model is given twice; leave one out.",
        "unknown_parameter.file": "The parameter 'docs' is unknown; the parameters are unit, corpus, documents, "
        "tokens.",
        "duplicate_field.file": "The parameter unit is given twice; leave one out.",
    },
    424: {
        "cancelled": "The job was cancelled; post the request again to start it.",
        "source_not_configured": no_such_source("c5", ["c4", "infini-gram"]),
        "source_damaged": "The source wimbd-c4 says that more than its 364868892 documents contain 'sunflower', which "
        "is impossible. Check the server at its address.",
        "source_unavailable": "The source wimbd-c4 changed while it was counted, and counts from before and after a "
        "change must not be mixed. Try again once nothing is written to it.",
        "source_refused": "The counts file my-counts has the number of documents that contain each name. The number "
        "that contain any of several names ('otter' or 'otters'; 1 such queries) cannot be computed from it. Give "
        "each of these concepts a query of one name, and a file that has its count.",
        "source_incomplete": "The counts file my-counts has no counts for 1 of the requested names: 'otter'. Upload a "
        "file with these names, under another name of its own; the count of a name that does not occur is 0.",
        "missing_scores.job": "The scores file my-scores has no score for 1 of 3 concepts: 'CIFAR100+++wolf'. Upload a "
        "file that has these too, under another name; a row without a class is the score of all classes of its "
        "dataset.",
        "encoder_not_configured": "There are no weights for the open_clip model ViT-L-14 on this machine. The cache "
        "of the Hugging Face Hub has none. Set CONCEPT_ORDERINGS_CHECKPOINTS to a directory that has "
        "openai.safetensors or openai.pt, or to that file; or use the encoder minilm, which needs no download.",
        "weights_mismatch": f"The request pins weights with the SHA-256 {'0f' * 32}, but those of all-MiniLM-L6-v2 "
        f"have "
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db: put the right file there, or pin these.",
        "encoder_mismatch": "The checkpoint does not fit the model ViT-B-32: 2 differ; text_projection is missing.",
        "encoder_failed": "3 of 256 embeddings by the encoder open_clip/ViT-L-14/openai are not unit vectors (NaN, "
        "infinite or zero). Its weights are probably damaged: replace them.",
        "not_enough_memory": "A path through 1000000 concepts with embeddings of 768 numbers needs 9.1 GB of memory, "
        "but only 4.0 GB may be used. Run the worker on a machine with more memory, raise CONCEPT_ORDERINGS_MEMORY_MB "
        "if that setting is the limit, choose an encoder with fewer dimensions, or order parts of the concepts "
        "separately.",
        "job_crashed": "The worker died 3 times while it did this job, perhaps for lack of memory: see its log, then "
        "post the request again.",
        "internal_error.job": "The worker failed 3 times with ValueError; its log says where. Report it with the log.",
        "store_unavailable.job": "The store of stream versions cannot be used: Read-only file system.",
        "store_full.job": store_full("a file could not be written").detail,
    },
    401: {
        "key_needed": "This service needs a key: send it as Authorization: Bearer TOKEN.",
        "unknown_key": "The Authorization header has no key of this service: it is Bearer and the token of a key.",
        "revoked_key": "The key cluster was revoked; whoever runs this service can make another.",
    },
    403: {
        "scope_too_small": "The key cluster has the scope read, and this request needs write.",
        "other_site": "A page of another site asked for this; list its origin in CONCEPT_ORDERINGS_ORIGINS if it may.",
    },
    421: {
        "unknown_host": "This service has another name than the one in the Host field; list it in "
        "CONCEPT_ORDERINGS_HOSTS.",
    },
    429: {
        "queue_full": "The queue is full; try again after the seconds in Retry-After.",
        "client_queue_full": client_full(ClientFull(needed=1, most=500)),
        "busy": "The service has no room for this body now: the bodies of other requests, which it is reading, take "
        "its memory for bodies. Try again after the seconds in Retry-After.",
    },
    500: {
        "internal_error": "The service failed on this request; see its log.",
        "version_damaged": version_damaged("its manifest: the object is missing").detail,
        "labels_damaged": labels_damaged(f"the labels {'0f' * 32}: the content does not have that SHA-256").detail,
        "counts_file_damaged": counts_file_damaged("its counts: the object is missing").detail,
        "scores_file_damaged": scores_file_damaged("its scores: the object is missing").detail,
        "record_damaged": f"The record of {'9b1c' * 8} in Redis is damaged (KeyError: 'state'). Post the request "
        f"again.",
    },
    503: {
        "redis_unavailable": "Redis cannot be reached or refuses commands, so jobs are unavailable; finished versions "
        "are still served. Try again after the seconds in Retry-After.",
        "store_unavailable": "The store of stream versions cannot be used: Read-only file system.",
        "store_full": store_full("12 MB are free, and 64 MB must be to accept new work").detail,
        "keys_unavailable": "The service cannot read its keys, so it refuses all requests; its log says why.",
        "no_workers": "No worker has reported its sources in the last 30 seconds, so the name may be taken. Start a "
        "worker, or see its log; try again after the seconds in Retry-After.",
    },
}
"""By status and name, the sentence of an error whose cause lies outside a body."""

_POINTERS = {
    **dict.fromkeys(("source_not_found", *FAILED_SOURCE[:5]), ("/ordering/source",)),
    **dict.fromkeys(("encoder_not_configured", "encoder_mismatch", "encoder_failed"), ("/ordering/encoder",)),
    "weights_mismatch": ("/ordering/weights",),
    "missing_scores.job": ("/ordering/source",),
}
"""By the name of a copied example, its pointers."""


def problem_examples() -> dict[str, Any]:
    """Return all examples as OpenAPI lists them in a document's components, by name."""
    return copy_context().run(_problem_examples)


def _problem_examples() -> dict[str, Any]:
    REQUEST_ID.set(EXAMPLE_REQUEST_ID)
    found: dict[str, Any] = {"duplicate_field": _refused(partial(decode_json, b'{"name": "a", "name": "b"}'))}
    found |= {name: _refused(partial(parse_requests, body)) for name, body in REFUSED_STREAMS.items()}
    found |= {name: _refused(partial(parse_counts_request, body)) for name, body in REFUSED_LOOKS.items()}
    found |= {name: _refused(partial(read_counts, body, CSV)) for name, body in REFUSED_FILES.items()}
    found |= {name: _refused(partial(parse_labels, body)) for name, body in REFUSED_LABELS.items()}
    concepts = ["my-gadgets+++smart ring", "my-gadgets+++e-reader"]
    found |= {
        "cannot_express": _refused(partial(increment_of, [15, 15, 14, 14, 14, 14, 14])),
        "labels_needed": _refused(partial(catalogue_labels, concepts)),
        "missing_labels": _refused(partial(label_order, Labels({"my-gadgets": ("smart ring",)}), concepts)),
        "extra_labels": _refused(
            partial(label_order, Labels({"my-gadgets": ("smart ring", "e-reader"), "gadgets": ("drone",)}), concepts)
        ),
    }
    found |= {name: _refused(partial(read_scores, body, CSV)) for name, body in REFUSED_SCORES_FILES.items()}
    for status, sentences in _COPIED.items():
        for name, sentence in sentences.items():
            found[name] = _copied(status, name, sentence, _POINTERS.get(name, ()))
            if name in FAILED_SOURCE:
                found[f"{name}.counts"] = _copied(status, name, sentence, ())
    return {name: {"value": value} for name, value in found.items()}


def _refused(check: Callable[[], object]) -> Any:
    """Return the problem document of the error that a check raises."""
    try:
        check()
    except InvalidInput as error:
        return json.loads(bytes(problem_of(error, HTTPStatus.UNPROCESSABLE_ENTITY).body))
    raise ValueError(f"{check} refuses nothing")


def _copied(status: int, name: str, sentence: str, pointers: tuple[str, ...]) -> Any:
    return json.loads(bytes(problem(HTTPStatus(status), code_of(name), sentence, pointers).body))
