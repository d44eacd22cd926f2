"""What only a rule over several fields can refuse, and so not the schema of a request.

Another environment than that of the programs reads this file too (`schemathesis_hooks`): it imports nothing of them.
"""

SEVERAL_FIELDS: tuple[tuple[str, str], ...] = (
    # A dataset and its other name.
    ("duplicate_concept", "put its classes into one list"),
    # Values for the classes of the list beside them.
    ("bad_score", "is not among the dataset's classes"),
    ("bad_count", "is not among the dataset's classes"),
    ("bad_query", "is not among the dataset's classes"),
    ("bad_synonyms", "is not among the dataset's classes"),
    ("bad_samples", "is not among the dataset's classes"),
    # A sum over class lists, and a fraction that is computed with all of them.
    ("bad_samples", "The samples of all classes add up to"),
    ("bad_samples", "too many different denominators"),
    # Synonyms beside the name of their class, and their queries.
    ("bad_synonyms", "is the name of the class"),
    ("conflicting_fields", "are given with its name and in synonyms"),
    ("bad_query", "spellings, and a query has at most"),
    # Parameters that depend on each other, on the class lists, or on the calendar.
    ("bad_parameter", "Counts are given for "),
    ("bad_parameter", "Queries are given for "),
    ("bad_parameter", "Scores are given for "),
    ("bad_parameter", "Give either one source of scores, or several"),
    ("bad_parameter", "counts nothing again"),
    ("bad_parameter", "takes no queries; leave query_form out"),
    ("bad_parameter", "A refresh sets counted_since itself"),
    ("bad_parameter", "counted_since is not a time that exists"),
    ("bad_parameter", "leave one of the two out"),
    ("bad_parameter", "refine may move the ends of a path"),
    ("bad_parameter", "The path is to start at "),
    ("bad_parameter", "The order has "),
    ("bad_parameter", "The order lacks "),
    ("bad_parameter", " datasets in order "),
    ("bad_parameter", "The order of datasets lacks "),
    # Versions by seeds, of an order without chance.
    ("seed_changes_nothing", ""),
    # Names, and lists of classes, that the catalogue does not have.
    ("missing_classes", ""),
    ("no_class_list", ""),
    ("unknown_class", ""),
    ("unknown_dataset", ""),
    # Concepts that a published stream does not have.
    ("not_in_published_stream", ""),
    # A split of as many concepts as there are.
    ("bad_task_count", "concepts cannot be cut into"),
    ("bad_task_sizes", "The task sizes add up to"),
    ("too_many_tasks", ""),
    # A budget without a whole batch, shares that do not add up, and those that are no decimals or fractions of a share.
    ("no_steps", ""),
    ("bad_mixture", ""),
    ("bad_share", "digits behind the point"),
    # Evidence that the ordering needs, and that neither the lists nor the catalogue have.
    ("missing_years", ""),
    ("missing_scores", ""),
    ("missing_counts", ""),
    ("missing_templates", ""),
    ("missing_samples", ""),
)
"""Code, and a part of the sentence, of each refusal that a schema cannot express."""


def is_over_several_fields(code: str, detail: str) -> bool:
    """Return whether a fault is one of `SEVERAL_FIELDS`."""
    return any(code == each and part in detail for each, part in SEVERAL_FIELDS)


BESIDE_THE_SCHEMA: tuple[tuple[int, str, str], ...] = (
    # A version does not have every part, format and label that the schema allows for some other version.
    (422, "bad_query", "labels: the format "),
    (422, "bad_query", "format: "),
    (422, "bad_query", " has the versions 1 to "),
    *((422, code, "") for code in ("cannot_express", "labels_needed", "missing_labels", "extra_labels")),
    # A time that has not come yet.
    (422, "bad_parameter", "which is in the future"),
    # A source that is refused for what it is asked, and the rules inside a file.
    (422, "bad_source", ""),
    (422, "source_not_found", ""),
    (422, "ties_not_found", ""),
    (422, "bad_counts_file", ""),
    (422, "conflicting_counts", ""),
    (422, "bad_scores_file", ""),
    (422, "conflicting_scores", ""),
    # A job that the client waited for, and that failed.
    (424, "", ""),
)
"""Status, code and a part of the sentence of refusals that depend on more than the request, or on the bytes of a file;
without a code or a part, any of them.
"""


def is_beside_the_schema(status: int, code: str, detail: str) -> bool:
    """Return whether a schema cannot refuse what an answer with this status and fault refuses."""
    if status == 422 and is_over_several_fields(code, detail):
        return True
    return any(status == each and name in ("", code) and part in detail for each, name, part in BESIDE_THE_SCHEMA)
