"""The schemas of requests, for OpenAPI.

Nothing but the OpenAPI document needs them, so they are imported when it is made: `concept_orderings` checks requests,
and not pydantic. The library and the service then apply the same rules. A test compares these schemas with that check.
"""

from dataclasses import replace
from functools import reduce
from operator import or_
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel, WithJsonSchema, create_model

from app.declared import exactly_one, optional, or_null, required, with_default, without_default
from app.schemas import Schema
from app.settings import ORDERING_DEFAULTS
from concept_orderings.asked_classes import ALL_DATASETS
from concept_orderings.canonical import LARGEST_INTEGER
from concept_orderings.concepts import CLASS_NAMES, DATASET_NAME
from concept_orderings.counts_request import NAMES, OPTIONS, QUERIES
from concept_orderings.orderings import ORDERINGS, Ordering, Parameter, SeededOrdering
from concept_orderings.parameters import SEED, WITHIN
from concept_orderings.queries import QueryForm
from concept_orderings.request import CHECK_FIELDS, CONCEPT_LIST, DATASET_FIELDS, STREAM_NAME, VARIANTS
from concept_orderings.shapes import JsonSchema
from concept_orderings.text import FORBIDDEN, schema_pattern
from concept_orderings.training_request import MIXTURE_FIELDS, TRAINING_FIELDS


class _Strict(Schema):
    model_config = ConfigDict(extra="forbid")


def _parameter_type(each: Parameter) -> Any:
    """Return a pydantic type whose schema is that of a parameter's values."""
    if each.choices:
        return Literal[each.choices]
    types: dict[str, JsonSchema] = {
        "boolean": {"type": "boolean"},
        "integer": {"type": "integer", "minimum": each.minimum, "maximum": each.maximum},
        "string": _text(each),
        "array of strings": _array(each),
        "object": {} if each.form is None else dict(each.form.schema),
    }
    schemas = [types[one] for one in each.type.split(" or ")]
    schema = schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
    return Annotated[Any, WithJsonSchema(schema if each.default is not None else or_null(schema))]


def _text(each: Parameter) -> JsonSchema:
    schema: JsonSchema = {"type": "string", "not": {"pattern": schema_pattern(FORBIDDEN)}}
    return {**schema, "pattern": f"^({each.pattern})$"} if each.pattern else schema


def _array(each: Parameter) -> JsonSchema:
    schema: JsonSchema = {"type": "array", "items": _text(each)}
    if each.fewest:
        schema["minItems"] = each.fewest
    if each.most < LARGEST_INTEGER:
        schema["maxItems"] = each.most
    return {**schema, "uniqueItems": True} if each.distinct else schema


def _parameter_field(each: Parameter) -> Any:
    if each.required:
        return Field(description=each.description, examples=[each.choices[0]] if each.choices else None)
    if each.name in ORDERING_DEFAULTS or each.default is None:
        return without_default(each.description, [each.default])
    return Field(each.default, description=each.description)


def _model(name: str, ordering: type[Ordering], fields: dict[str, Any]) -> type[BaseModel]:
    # Also the version: a canonical request has it, and can be posted again.
    fields["kind"] = (Literal[ordering.kind], Field(description=ordering.summary))
    fields["version"] = (
        Literal[ordering.version],
        without_default("The ordering's version; left out: the present one."),
    )
    return create_model(name, __base__=_Strict, __doc__=ordering.summary, **fields)


def _inside_schema(ordering: type[Ordering]) -> type[BaseModel]:
    """Return the schema of an ordering inside groups: it has no groups of its own, and may lack a seed."""
    fields: dict[str, Any] = {
        each.name: (_parameter_type(replace(each, **each.inside_groups)), _parameter_field(each))
        for each in ordering.parameters()
        if each.name not in (WITHIN, SEED)
    }
    if issubclass(ordering, SeededOrdering):
        seed = next(each for each in ordering.parameters() if each.name == SEED)
        described = f"{seed.description} Left out: that of the ordering around it."
        fields[SEED] = (_parameter_type(seed), without_default(described, [seed.default]))
    return _model(f"{ordering.kind.capitalize()}Inside", ordering, fields)


_inside: Any = Annotated[reduce(or_, map(_inside_schema, ORDERINGS.values())), Field(discriminator="kind")]


def _ordering_schema(ordering: type[Ordering]) -> type[BaseModel]:
    fields: dict[str, Any] = {
        each.name: (_parameter_type(each), _parameter_field(each)) for each in ordering.parameters()
    }
    if WITHIN in fields:
        fields[WITHIN] = (_inside | None, fields[WITHIN][1])
    return _model(f"{ordering.kind.capitalize()}Ordering", ordering, fields)


# A union with one member for each registered ordering; `kind` says which one applies.
_ORDERINGS: Any = reduce(or_, (_ordering_schema(each) for each in ORDERINGS.values()))


ClassListSchema = create_model(
    "ClassList",
    __base__=_Strict,
    __doc__="A dataset and its class names; what is left out, also the classes, comes from the catalogue.",
    **{each.name: required(each) if each.name == "name" else optional(each) for each in DATASET_FIELDS},
)


class TaskCount(_Strict):
    """T tasks of equal size, except that the first N mod T tasks have one concept more (N: number of concepts).

    With `balance`, T tasks of about equally many training samples: the largest is as small as can be.
    """

    count: int = Field(ge=1, le=LARGEST_INTEGER, description="T, at most the number of concepts.", examples=[20])
    balance: Literal["samples"] | None = without_default(
        "Balances the tasks by the training samples of classes: `samples` of the class lists, or the catalogue's.",
        ["samples"],
    )


class TaskSizes(_Strict):
    """Tasks of the given sizes, whose sum is the number of concepts."""

    sizes: list[Annotated[int, Field(ge=1, le=LARGEST_INTEGER)]] = Field(min_length=1, examples=[[1, 2]])


class TaskGroups(_Strict):
    """One task for each run of neighbouring concepts that have the same dataset or year."""

    by: Literal["dataset", "year"] = Field(examples=["year"])


_MixtureSchema = create_model(
    "Mixture",
    __base__=_Strict,
    __doc__="The share of each pool in a batch; they add up to exactly 1. A number means its shortest decimal.",
    **{each.name: optional(each) for each in MIXTURE_FIELDS},
)
_mixture: Any = _MixtureSchema | None

TrainingSchema = create_model(
    "Training",
    __base__=_Strict,
    __doc__="The budget of a task and the mixture of a batch; what is left out is that of the benchmark.",
    **{each.name: optional(each) for each in TRAINING_FIELDS},
    mixture=(_mixture, without_default("The share of each pool in a batch. Left out: the benchmark's.")),
)
_training: Any = TrainingSchema | None


class TaskSamples(_Strict):
    """Tasks of about P training samples: as many as all samples divided by P, rounded, and balanced."""

    by: Literal["samples"] = Field(examples=["samples"])
    per_task: int = Field(ge=1, le=LARGEST_INTEGER, description="P.", examples=[50_000])


_datasets: Any = Annotated[list[ClassListSchema], Field(min_length=1)]
_ordering: Any = Annotated[_ORDERINGS, Field(discriminator="kind")]


def _with(name: str, schema: JsonSchema) -> JsonSchema:
    return {"type": "object", "properties": {name: schema}, "required": [name]}


_OWN_KIND = _with("kind", {"enum": [each.kind for each in ORDERINGS.values() if each.has_own_concepts]})
_HAS_OWN_CONCEPTS = _with("ordering", {"anyOf": [_OWN_KIND, _with(WITHIN, _OWN_KIND)]})
"""The schema of requests whose ordering, or that inside its groups, has concepts of its own."""


class _StreamRequest(_Strict):
    model_config = ConfigDict(json_schema_extra=exactly_one("datasets", "concepts", unless=_HAS_OWN_CONCEPTS))


StreamRequestSchema = create_model(
    "StreamRequest",
    __base__=_StreamRequest,
    __doc__="Class lists, an ordering and a split. Give either `datasets` or `concepts`; with the ordering "
    "`published`, a request without both means all concepts of its stream.",
    name=required(STREAM_NAME),
    datasets=(
        _datasets | Literal[ALL_DATASETS] | None,
        without_default(
            f"Class lists; or `{ALL_DATASETS}`: the 41 adaptation datasets of the catalogue, each with its classes in "
            "the benchmark's streams."
        ),
    ),
    concepts=optional(CONCEPT_LIST),
    **{each.name: optional(each) for each in CHECK_FIELDS},
    variants=optional(VARIANTS),
    ordering=(_ordering, ...),
    tasks=(TaskCount | TaskSizes | TaskGroups | TaskSamples, Field(description="How to split the stream into tasks.")),
    training=(
        _training,
        without_default(
            "The budget and the mixture of training, which are then part of the version: its manifest says the steps "
            "and the batch of each task."
        ),
    ),
)


class _CountsRequest(_Strict):
    model_config = ConfigDict(json_schema_extra=exactly_one(NAMES.name, QUERIES.name))


_refresh, _counted_since, _query_form = OPTIONS

CountsRequestSchema = create_model(
    "CountsRequest",
    __base__=_CountsRequest,
    __doc__="What to count: either `names` or `queries`.",
    names=optional(NAMES),
    queries=optional(QUERIES),
    refresh=with_default(_refresh, False),
    counted_since=with_default(_counted_since, ""),
    query_form=with_default(_query_form, str(QueryForm.WORDS)),
)

LabelsSchema = create_model(
    "Labels",
    __base__=RootModel[
        Annotated[
            Any,
            WithJsonSchema(
                {
                    "type": "object",
                    "propertyNames": DATASET_NAME.json_schema(),
                    "additionalProperties": CLASS_NAMES.json_schema(),
                    "minProperties": 1,
                    "examples": [{"CIFAR100": ["apple", "aquarium_fish"], "my-gadgets": ["smart ring", "e-reader"]}],
                }
            ),
        ]
    ],
    __doc__="For each dataset, its classes in the order of their labels, from 0.",
)
