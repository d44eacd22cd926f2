"""The schemas of comparisons of two orders."""

from pydantic import Field

from app.examples import STREAM_NAME
from app.schemas import Schema
from concept_orderings.comparison import MOST_CELLS, MOST_CONCEPTS, MOST_DIFFERENCES, MOST_MOVERS

_DIGEST = "0f" * 32


class ComparedOrder(Schema):
    """One of the two orders."""

    name: str = Field(
        description="NAME@VERSION, or the name of a published stream; of files, as it was given.",
        examples=[f"{STREAM_NAME}@1"],
    )
    stream: str | None = Field(description="Null for an order that is no version.", examples=[STREAM_NAME])
    version: int | None = Field(description="Null for an order that is no version.", examples=[1])
    digest: str | None = Field(description="SHA-256 of the manifest; null without one.", examples=[_DIGEST])
    order_digest: str = Field(description="SHA-256 of the order as the FoMo-in-Flux code reads it.", examples=[_DIGEST])
    concepts: int = Field(examples=[18381])
    tasks: int = Field(description="1 for an order without tasks.", examples=[20])


class TiedValues(Schema):
    """The concepts of one side that have equal values."""

    value: str = Field(description="The value by which its concepts are sorted, as tasks name it.", examples=["count"])
    tied: int = Field(description="Number of shared concepts whose value another has, too.", examples=[5120])


class WithTies(Schema):
    """The correlations if concepts with equal values count as tied, because chance alone decided their order."""

    kendall_tau: float | None = Field(description="Kendall's tau-b.", examples=[0.91])
    spearman: float | None = Field(description="Spearman's rho of mean ranks.", examples=[0.98])
    a: TiedValues | None = Field(description="Null if the first order has no ties.")
    b: TiedValues | None = Field(description="Null if the second order has no ties.")


class OnlyIn(Schema):
    """The concepts that only one side has."""

    total: int = Field(examples=[1])
    concepts: list[str] = Field(
        description=f"The first {MOST_CONCEPTS} of them, in its order.", examples=[["CIFAR100+++bear"]]
    )


class Mover(Schema):
    """A concept whose place changes."""

    concept: str = Field(examples=["CIFAR100+++bear"])
    moved: int = Field(
        description="By how many places it is later in the second order, counting shared concepts alone.",
        examples=[-12044],
    )
    position_in_a: int = Field(description="From 0, counting all concepts.", examples=[14310])
    position_in_b: int = Field(examples=[2266])
    task_in_a: int = Field(description="From 0.", examples=[15])
    task_in_b: int = Field(examples=[2])


class DifferenceAt(Schema):
    """A place in the manifests at which two versions differ."""

    pointer: str = Field(
        description="JSON pointer in the manifest of the first version; of the second, if only that has the place.",
        examples=["/request/ordering/seed"],
    )
    a: str | None = Field(
        description="The value in the first, as JSON; cut to 200 characters, the last of which is … then. Null if it "
        "has none.",
        examples=["0"],
    )
    b: str | None = Field(description="The value in the second.", examples=["1"])


class DifferencesIn(Schema):
    """The differences of one part of two manifests."""

    total: int = Field(examples=[1])
    differences: list[DifferenceAt] = Field(description=f"The first {MOST_DIFFERENCES} of them.")


class Differences(Schema):
    """What two versions were made from, as far as it differs."""

    request: DifferencesIn = Field(description="Of the canonical requests, but for the streams' names.")
    evidence: DifferencesIn = Field(description="Of the origin and the digests of the evidence.")


class Comparison(Schema):
    """Two orders beside each other."""

    a: ComparedOrder
    b: ComparedOrder
    same_order: bool = Field(description="Whether both have the same concepts in the same order.", examples=[False])
    same_tasks: bool = Field(description="Whether each task has the same concepts in the same order.", examples=[False])
    shared: int = Field(description="Number of concepts that both have; the correlations are over these.", examples=[9])
    kendall_tau: float | None = Field(
        description="Kendall's tau of the positions: 1 for the same order, -1 for the reverse. Null for fewer than two "
        "shared concepts.",
        examples=[0.83],
    )
    spearman: float | None = Field(description="Spearman's rho of the positions; null as above.", examples=[0.95])
    with_ties: WithTies | None = Field(description="Null if neither order has concepts with equal values.")
    only_in_a: OnlyIn
    only_in_b: OnlyIn
    shared_between_tasks: list[list[int]] | None = Field(
        description="A row for each task of the first order, with the number of concepts that it shares with each task "
        f"of the second. Null if there would be more than {MOST_CELLS:,} numbers.",
        examples=[[[5, 0], [1, 3]]],
    )
    largest_movers: list[Mover] = Field(
        description=f"The {MOST_MOVERS} shared concepts whose places differ most; of equal moves, those that are first "
        "in the first order. Concepts that keep their place are left out."
    )
    differences: Differences | None = Field(description="Null if one side is no version.")
