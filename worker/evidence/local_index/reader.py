"""Counting the documents of a published index that contain a name.

The library is asked as little as possible, for each question costs a look into every segment of the index. Names with
the same tokens are one phrase. A phrase of one token has that token's document frequency, which the dictionary of
terms knows; one with a token that no document has is nowhere. A longer one is asked for by its rarest two neighbours
first: class names come in families ("small blue sphere on a red floor with a green wall"), so the same two stand for
many phrases, and where they are not together, none of these is.
"""

import os
import shutil
import tempfile
import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from itertools import chain, islice
from pathlib import Path
from typing import TypeVar

import tantivy

from concept_orderings.errors import SourceError
from concept_orderings.progress import Report, silent
from worker.evidence.local_index import cutting, layout
from worker.evidence.local_index.layout import Published

_Phrase = tuple[str, ...]
_Family = tuple[_Phrase, list[_Phrase]]
"""Two neighbouring tokens, and phrases that they occur in."""
_Choice = frozenset[_Phrase]
_Item = TypeVar("_Item")
_Key = TypeVar("_Key")

_SEARCHED_AT_ONCE = 32
_REPORT_SECONDS = 0.5


class LocalIndex:
    """A published index, as it was when it was opened.

    Attributes
    ----------
    name : str
        Name of its directory.
    fingerprint : str
        Digest of what was indexed and of the token rule's version.
    documents : int
        Documents in it.
    published : Published
        What was published then.
    """

    def __init__(self, name: str, published: Published, index: tantivy.Index) -> None:
        self.name = name
        self.published = published
        self.fingerprint = published.summary.fingerprint
        self.documents = published.summary.documents
        self._schema = index.schema
        self._searcher = index.searcher()

    @classmethod
    def open(cls, directory: Path) -> "LocalIndex":
        """Open what is published in the directory.

        Raises
        ------
        SourceError
            ``source_not_configured`` if nothing is; ``source_damaged`` if it is of another version, or not what a
            build wrote. The detail names the next step.
        """
        while True:
            published = layout.read(directory)
            if published is None:
                raise layout.missing(directory)
            try:
                return cls._of(directory, published)
            except SourceError:
                # A build may have published, and removed these files, since index.json was read.
                if layout.read(directory) == published:
                    raise

    @classmethod
    def _of(cls, directory: Path, published: Published) -> "LocalIndex":
        layout.check_files(directory, published)
        view = _view(directory / published.generation, list(published.files))
        try:
            index = tantivy.Index.open(str(view))
            index.config_reader("manual")
            opened = cls(directory.name, published, index)
        except (ValueError, OSError) as error:
            shutil.rmtree(view, ignore_errors=True)
            raise layout.damaged(directory, str(error)) from error
        # Not before: for a moment after opening, a thread of the library may still write its lock file there.
        weakref.finalize(opened, shutil.rmtree, view, ignore_errors=True)
        if opened._searcher.num_docs != opened.documents:
            raise layout.damaged(directory, f"{opened._searcher.num_docs} documents instead of {opened.documents}")
        # A document that was deleted would still be in the document frequencies that are taken for counts.
        ever = layout.documents_ever(directory / published.generation)
        if ever != opened.documents:
            raise layout.damaged(directory, f"{ever - opened.documents} documents deleted, which no build does")
        return opened

    def count(self, names: Sequence[str], *, report: Report = silent) -> list[int]:
        """Count the documents that contain each name.

        A document contains a name if the name's tokens follow each other in it, without a gap; see `tokens` for
        what a token is. Upper and lower case are the same. A name without a token is in no document.

        Parameters
        ----------
        names : sequence of str
            Class names, looked for exactly as given.
        report : Report
            Called with names counted and names in all.

        Returns
        -------
        list of int
            As long as names, in their order; each from 0 to `documents`.
        """
        phrases = cutting.tokenise(names)
        times = Counter(phrases)
        counts, families = self._without_search(list(times))
        done = sum(times[phrase] for phrase in counts)
        report(done, len(names))
        for part in _in_parallel(self._search_families, families):
            counts.update(part)
            done += sum(times[phrase] for phrase in part)
            report(done, len(names))
        return [counts[phrase] for phrase in phrases]

    def count_any(self, spellings: Sequence[Sequence[str]], *, report: Report = silent) -> list[int]:
        """Count the documents that contain any of several spellings.

        Parameters
        ----------
        spellings : sequence of sequences of str
            The spellings of each thing that is counted.
        report : Report
            Called with things counted and things in all.

        Returns
        -------
        list of int
            As long as the outer sequence, in its order; each from 0 to `documents`.
        """
        tokenised = iter(cutting.tokenise(list(chain.from_iterable(spellings))))
        choices = [frozenset(islice(tokenised, len(each))) for each in spellings]
        counts: dict[_Choice, int] = {}
        report(0, len(choices))
        for part in _in_parallel(self._search_choices, list(dict.fromkeys(choices))):
            counts.update(part)
            report(min(len(counts), len(choices)), len(choices))
        return [counts[choice] for choice in choices]

    def _without_search(self, phrases: Sequence[_Phrase]) -> tuple[dict[_Phrase, int], list[_Family]]:
        """Return the counts that the dictionary of terms alone tells, and the other phrases in families."""
        # Nothing is ever deleted from an index, so a token's document frequency is its count.
        frequencies = {
            token: int(self._searcher.doc_freq(layout.FIELD, token)) for token in set(chain.from_iterable(phrases))
        }
        counts: dict[_Phrase, int] = {}
        families: dict[_Phrase, list[_Phrase]] = {}
        for phrase in phrases:
            found = [frequencies[token] for token in phrase]
            if len(found) < 2 or 0 in found:
                counts[phrase] = min(found, default=0)
            else:
                at = _rarest_neighbours(found)
                families.setdefault(phrase[at : at + 2], []).append(phrase)
        return counts, list(families.items())

    def _search_families(self, families: Sequence[_Family]) -> dict[_Phrase, int]:
        counts: dict[_Phrase, int] = {}
        for neighbours, phrases in families:
            most = self._search(neighbours)
            for phrase in phrases:
                counts[phrase] = self._search(phrase) if most and len(phrase) > 2 else most
        return counts

    def _search_choices(self, choices: Sequence[_Choice]) -> dict[_Choice, int]:
        return {choice: self._search_any([self._phrase(phrase) for phrase in choice if phrase]) for choice in choices}

    def _search(self, phrase: _Phrase) -> int:
        return self._search_any([self._phrase(phrase)])

    def _phrase(self, phrase: _Phrase) -> tantivy.Query:
        if len(phrase) == 1:  # for the library a phrase has two tokens or more
            return tantivy.Query.term_query(self._schema, layout.FIELD, phrase[0])
        return tantivy.Query.phrase_query(self._schema, layout.FIELD, list(phrase))

    def _search_any(self, queries: Sequence[tantivy.Query]) -> int:
        if not queries:
            return 0
        any_of = [(tantivy.Occur.Should, each) for each in queries]
        query = queries[0] if len(queries) == 1 else tantivy.Query.boolean_query(any_of)
        # The library wants at least one hit; the count beside it is of all documents. This releases Python's global
        # lock, so threads do share the work.
        return int(self._searcher.search(query, limit=1, count=True).count)  # type: ignore[attr-defined]


def _in_parallel(
    search: Callable[[Sequence[_Item]], dict[_Key, int]], items: Sequence[_Item]
) -> Iterator[dict[_Key, int]]:
    """Yield what a search finds for parts of the items, in any order; at times nothing, so that the caller can stop."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            parts = (items[at : at + _SEARCHED_AT_ONCE] for at in range(0, len(items), _SEARCHED_AT_ONCE))
            pending = {pool.submit(search, part) for part in parts}
            while pending:
                finished, pending = wait(pending, timeout=_REPORT_SECONDS, return_when=FIRST_COMPLETED)
                for part in finished:
                    yield part.result()
                if not finished:
                    yield {}
        finally:
            pool.shutdown(cancel_futures=True)


def _rarest_neighbours(frequencies: Sequence[int]) -> int:
    """Return where the two neighbours start of which the rarer is rarest; of several, the first."""
    return min(range(len(frequencies) - 1), key=lambda at: min(frequencies[at : at + 2]))


def _view(generation: Path, names: Sequence[str]) -> Path:
    """Make a temporary directory with the files under the same names.

    The library makes a lock file beside what it opens; the index itself may be another user's, or mounted read-only.
    """
    view = Path(tempfile.mkdtemp(prefix="local-index-"))
    for name in names:
        (view / name).symlink_to(generation.resolve() / name)
    return view
