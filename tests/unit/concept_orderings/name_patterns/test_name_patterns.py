"""Test the patterns of names: what each finds, what none may touch, and that a query is what people write."""

import time
from collections.abc import Mapping, Sequence
from random import Random
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concept_orderings.canonical import Json
from concept_orderings.evidence.counts import QUERY
from concept_orderings.name_patterns import PATTERNS, suggested_queries, written_names
from concept_orderings.queries import Query, query_for

FOUND: Mapping[str, Sequence[Mapping[str, Json]]] = {
    # By pattern, the names of datasets that have it, each with its query; None for a name without the pattern.
    "URLs": [{"http://dbpedia.org/ontology/Island": "Island", "https://x.org/a#Lake_Shore/": "Lake Shore"}],
    "HTML entities": [
        {"Levi's&#174; Shoes": ["Levi's Shoes", "Levi’s Shoes"], "Salt &amp; pepper": "Salt & pepper", "AT&T": None}
    ],
    "URL escapes": [{"hot%20dog": "hot dog", "cr%C3%A8me": "crème", "100%": None, "50%25 off": None}],
    "file suffixes": [{"Abyssinian_100.jpg": "Abyssinian", "dog.png": "dog", "Node.js": None}],
    "bullets": [{"- hot dog": "hot dog", "- cat": "cat"}],
    "quotation marks": [
        {'"hot dog"': "hot dog", "“cat”": "cat", "'cow'": "cow", "rock 'n' roll": None},
        {"b'apple'": "apple", ":hot_dog:": "hot dog"},
    ],
    "brackets": [
        {"Pushing [something] up": "Pushing something up", "<unknown> dog": "unknown dog", "I <3 it": None},
        {"[[Dog]]": "Dog", "<b>hot</b> dog": "hot dog"},
    ],
    "numbers of classes": [
        {"001.Black_footed_Albatross": "Black footed Albatross", "102.Western_Wood_Pewee": "Western Wood Pewee"},
        {"150.Sage_Thrasher": "Sage Thrasher", "dog": None},
        {"0 - zero": "zero", "1 - one": "one"},
        {"1) cat": "cat", "2) hot dog": "hot dog"},
        {"0: cat": "cat", "7: hot dog": "hot dog"},
        {
            "111 Continuous urban fabric": "Continuous urban fabric",
            "112 Discontinuous urban fabric": "Discontinuous urban fabric",
            "121 Industrial units": "Industrial units",
            "331 Beaches": "Beaches",
            "512 Water bodies": "Water bodies",
        },
        {"0 cat": "cat", "1 hot dog": "hot dog", "2 cow": "cow"},
        {"01 palm": "palm", "02 fist": "fist"},
        {"01_TUMOR": "tumor", "02_COMPLEX_STROMA": "complex stroma"},
        {"0_cat": "cat", "1_dog": "dog", "2_cow": "cow"},
        {
            "053.desk-globe": "desk globe",
            "202.steering-wheel": "steering wheel",
            "224.touring-bike-101": "touring bike",
        },
    ],
    "numbers after words": [
        {"cat: 0": "cat", "hot dog: 1": "hot dog"},
        {"cat_0": "cat", "hot_dog_1": "hot dog", "cow_2": "cow"},
        {"cat-001": "cat", "hot dog-002": "hot dog", "cow-003": "cow"},
        {"/a/airfield 0": "airfield", "/h/hot_dog 1": "hot dog"},
        {f"class {chr(97 + i)} {1 + i % 2}": f"class {chr(97 + i)}" for i in range(12)},
    ],
    "numbers alone": [
        {"class_0": "", "class_1": ""},
        {"00000": "", "00042": ""},
        {"n000001": "", "n009294": ""},
    ],
    "identifiers alone": [{"n02085620": "", "/m/0k4j": "", "/m/mosque": "mosque"}],
    "identifiers before words": [
        {
            "n02085620-Chihuahua": "Chihuahua",
            "n01484850 great white shark": "great white shark",
            "/m/011k07 Tortoise": "Tortoise",
        }
    ],
    "identifiers after words": [{"tench_n01440764": "tench", "hot dog (n07697537)": "hot dog"}],
    "WordNet synsets": [
        {"Synset('dog.n.01')": "dog", "cat#n#1": "cat"},
        {"alarm_clock.n.01": "alarm clock", "run.v.12": "run", "bow.n.02": "bow"},
    ],
    "codes of classes": [
        {"C43.9 Malignant melanoma": "Malignant melanoma", "D22.9 Melanocytic nevus": "Melanocytic nevus"},
        {"c000 Holding some clothes": "Holding some clothes", "c113 Fixing a door": "Fixing a door"},
    ],
    "codes in parentheses": [
        {"(FX) split leap": "FX split leap", "(BB) split leap": "BB split leap", "(UB) giant circle": "giant circle"}
    ],
    "the word class or category": [{"Category:Toronto_Argonauts": "Toronto Argonauts", "dog": None}],
    "numbers of copies": [{"crane": None, "crane_1": "crane"}],
    "lineages of species": [
        {
            "Animalia Chordata Aves Passeriformes Corvidae Corvus corax": "Corvus corax",
            "Plantae_Tracheophyta_Liliopsida_Asparagales_Orchidaceae_Calopogon_tuberosus": "Calopogon tuberosus",
            "Animalia": None,
        }
    ],
    "w/ for with": [
        {"Truck Tractor w/ Box Trailer": "Truck Tractor with Box Trailer", "Car w/o roof": "Car without roof"}
    ],
    "folders of one letter": [{"/b/beach": "beach", "b/bar": "bar", "/t/t-shirt": "t-shirt", "a/b": None}],
    "indoor and outdoor at the end": [
        {"/b/bus_station/indoor": "bus station", "balcony/exterior": "balcony", "apse_indoor": "apse"},
        {"bazaar indoor": "indoor bazaar", "bazaar outdoor": "outdoor bazaar", "great outdoors": None},
    ],
    "kinds of scenes at the end": [{"stadium/baseball": "baseball stadium", "/f/field/wild": "wild field"}],
    "groups before names": [
        {"object--vehicle--car": "car", "nature--sky": "sky", "human--person--other": "other person"},
        {
            "Apple___Apple_scab": "Apple scab",
            "Apple___healthy": "healthy Apple",
            "Grape___Black_rot": None,
            "Apple___Black_rot": None,
            "Corn_(maize)___Common_rust_": "Common rust",
        },
        {"Music > Rock": "Rock", r"train\dog": "dog", "dbo::Place": "Place"},
    ],
    "folders": [{"Fruit/Apple/Golden-Delicious": "Golden-Delicious", "Fruit/Kiwi": "Kiwi"}],
    "groups with dots": [
        {
            "vehicle.bus.rigid": "rigid bus",
            "vehicle.car": "car",
            "vehicle.bus.x": "bus x",
            "human.pedestrian.adult": "adult",
            "human.rider": "rider",
        },
        {
            "comp.sys.ibm.pc.hardware": "pc hardware",
            "comp.sys.mac.hardware": "mac hardware",
            "rec.autos": "autos",
            "rec.sport.hockey": "hockey",
        },
    ],
    "words about the annotation": [
        {"sky-other-merged": "sky", "door-stuff": "door"},
        {"bicycle_final": "bicycle", "cabinet_final": "cabinet"},
    ],
    "authors of species": [
        {
            "Lactuca virosa L.": "Lactuca virosa",
            "Pelargonium capitatum (L.) L'Hér.": "Pelargonium capitatum",
            "Panthera leo (Linnaeus, 1758)": "Panthera leo",
            "Cirsium vulgare subsp. crinitum (Boiss.) Arènes": "Cirsium vulgare subsp. crinitum",
            "Daucus carota": None,
        }
    ],
    "remarks in parentheses": [
        {"crane (bird)": "crane", "T-shirt_(men)": "T-shirt", "leg(s)": None, "listen (e.g., to music)": "listen"},
        {"crane (bird)": "crane bird", "crane (machine)": "crane machine"},
        {"crane (bird)": "crane bird", "crane": None},
    ],
    "words joined by plus signs": [{"grizzly+bear": "grizzly bear", "adult+male+singing": "adult male singing"}],
    "words joined by dots": [{"hot.dog": "hot dog", "Black.footed.Albatross": "Black footed Albatross", "cat": None}],
    "CamelCase": [
        {"AnnualCrop": "annual crop", "Forest": None, "SeaLake": "sea lake", "hot dog": None},
        {"AnnualCrop": "annual crop", "Forest": None, "SeaLake": "sea lake"},
        {"railwayStation": "railway station", "SpeedLimit25": "speed limit 25", "iPhone": None, "YouTube": None},
    ],
    "words joined by hyphens": [
        {"golf-course": "golf course", "no-u-turn": "no u turn", "speed-limit-30": "speed limit 30", "T-shirt": None},
        {"traffic-light": "traffic light", "tennis-court": "tennis court", "storage-tank": "storage tank"},
    ],
    "words without a space": [{"diningtable": "dining table", "tvmonitor": "TV monitor", "sofa": None}],
    "capitals": [{"EOSINOPHIL": "eosinophil", "VIRAL PNEUMONIA": "viral pneumonia", "HIV": "hiv"}],
    "synonyms": [
        {"Cardiomegaly | enlarged heart": ["Cardiomegaly", "enlarged heart"], "pleural effusion": None},
        {"building;edifice": ["building", "edifice"], "floor; flooring": ["floor", "flooring"]},
        {"tench, Tinca tinca": ["tench", "Tinca tinca"], "cock": None, "door, double door": ["door", "double door"]},
    ],
    "alternatives with a slash": [
        {
            "Handbag/Satchel": ["Handbag", "Satchel"],
            "swim trunks / shorts": ["swim trunks", "shorts"],
            "Cargo/Container Car": ["Cargo Car", "Container Car"],
            "T-shirt/top": ["T-shirt", "top"],
            "eat meal/snack": None,
        }
    ],
}

_WRITTEN_SO = """\
C-4|3.14|AC/DC|McDonald|iPhone|T-shirt|4x4|USA|1 Chronicles|747-400|2 Kings|F/A-18|F-16A/B|MP4-12C|McDonald's|TCP/IP
and/or|24/7|9/11|C/C++|C++|C#|Y2K|3D printer|20/20 vision|Jack-o'-lantern|Coca-Cola|Rock 'n' roll|Catch-22|Wi-Fi
X-ray|e-mail|U.S.A.|St. Bernard|Dr. Martens|U-turn|B&B|R&B|AT&T|M&M's|Q&A|S&P 500|50%|100% cotton|#1 fan|.NET
Node.js|hip-hop|A+|Disney+|LGBTQ+|Boeing 747|Route 66|7-Eleven|7 Up|1984|2001: A Space Odyssey|300 (film)|DeLorean
MacBook|YouTube|JavaScript|GitHub|LaTeX|PlayStation|BMW|NASA|UNESCO|O'Neill|café|naïve|日本語|Ελλάδα|Москва
polka-dotted|black-and-white colobus|5_o_Clock_Shadow|3-piece suit|2-door car|10-speed bike|18-wheeler
Type-2 diabetes|F-150|A320|B-52|MiG-29|Su-27|GT-R|911|M1 Abrams|T-34|T72 tank|Audi A5|DSQUARED2|ak47|Windows_7
Windows_8|Boeing_737|w/o|b/w|km/h|1/2|1/4 inch|x/y|a/b|I/O|google.com|f(x)|leg(s)|(500) Days of Summer
great outdoors|car interior|Paris, France|Bonaire, Saint Eustatius and Saba|Washington, D.C.|semi_final
class_action lawsuit|label_maker|vitamin B12|H2O|CO2|R2-D2|two cubes, one cylinder|C-3PO|Levi's|'tis|Toys "R" Us|<3
rock'n'roll|Fe2O3|e.g.|No. 5|Mr. Potato Head|Hewlett-Packard|Jean-Luc|salt & pepper|Johnson & Johnson|dog|Dog
hot dog|aquarium_fish|St. Kitts and Nevis|love in the mist
"""
UNTOUCHED = [name for line in _WRITTEN_SO.splitlines() for name in line.split("|")]


def test_every_pattern_has_examples_here() -> None:
    assert list(FOUND) == [pattern.name for pattern in PATTERNS]


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern.name)
def test_a_pattern_is_found_and_rewritten_as_people_write(pattern: object) -> None:
    name = next(each.name for each in PATTERNS if each is pattern)
    for examples in FOUND[name]:
        written = written_names(list(examples))
        assert name in {each.name for each in written.places}
        queries = {each: query for each, query in examples.items() if query}
        assert written.queries == queries


@pytest.mark.parametrize("name", UNTOUCHED)
def test_a_name_that_people_write_so_is_left_alone(name: str) -> None:
    assert not written_names([name]).places


def test_names_that_people_write_so_are_left_alone_together() -> None:
    found = written_names(UNTOUCHED)
    assert {each.name: [UNTOUCHED[i] for i in where] for each, where in found.places.items()} == {}


@pytest.mark.parametrize(
    "names",
    [
        ["class 1", "hot dog"],
        ["airfield 0", f"beach {'9' * 5000}"],
        [f"{'9' * 5000}_cat", "0_dog"],
        ["A310", "A320", "A380"],
        ["1998", "1999", "2000"],
        ["Great white Shark", "Boston terrier Dog"],
        ["Alexander the Great", "Ivan the Terrible"],
        ["area 1", "area 2", "area 3"],
        ["Windows 7", "Formula 1"],
        ["AM General Hummer SUV 2000", "Acura RL Sedan 2012"],
        ["1-star", "2-star", "3-star"],
        ["2_wheeler", "3_wheeler", "4_wheeler"],
        ["1 finger", "2 fingers", "3 fingers", "4 fingers"],
        ["1 Samuel", "2 Samuel", "1 Kings", "2 Kings"],
        ["747-400", "757-200", "A340-600"],
        ["Boots FitFlop", "Shoes GoLite"],
        ["Alexander McQueen", "AnnualCrop"],
        ["UNESCO", "NATO", "WHO", "OPEC"],
        ["four cubes, two spheres", "two cubes, two spheres", "four cubes, one sphere", "two cubes, one sphere"],
        ["google.com", "yahoo.com", "bing.com"],
        ["Node.js", "asp.net", "Socket.io"],
        ["T72 tank", "M60 tank"],
        ["Windows_7", "Windows_8", "Windows_10"],
        ["globe-flower", "daisy", "black-eyed susan"],
        ["Paris, France", "Rome, Italy"],
    ],
)
def test_a_dataset_whose_names_only_look_like_a_pattern_is_left_alone(names: list[str]) -> None:
    assert not written_names(names).places


def test_a_name_with_several_patterns_has_one_query() -> None:
    assert suggested_queries(["/b/bus_station/indoor", "/b/bus_station/outdoor", "/b/beach"]) == {
        "/b/bus_station/indoor": "indoor bus station",
        "/b/bus_station/outdoor": "outdoor bus station",
        "/b/beach": "beach",
    }
    names = ["001_n02085620-Chihuahua.jpg", "002_n01440764 tench, Tinca tinca"]
    assert suggested_queries(names) == {names[0]: "Chihuahua", names[1]: ["tench", "Tinca tinca"]}


names_of_a_dataset = st.lists(
    st.sampled_from([name for examples in FOUND.values() for each in examples for name in each])
    | st.sampled_from(UNTOUCHED)
    | st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=20),
    unique=True,
    max_size=12,
)


@given(names_of_a_dataset, st.randoms())
def test_what_is_found_depends_on_no_order(names: list[str], random: Random) -> None:
    shuffled = random.sample(names, len(names))

    first, second = written_names(names), written_names(shuffled)
    assert first.queries == second.queries
    assert {each.name: {names[i] for i in where} for each, where in first.places.items()} == {
        each.name: {shuffled[i] for i in where} for each, where in second.places.items()
    }


@given(names_of_a_dataset)
def test_a_query_fits_a_request_and_is_another_than_the_default(names: list[str]) -> None:
    written = written_names(names)

    found = {names[i] for where in written.places.values() for i in where}
    assert set(written.queries) <= found
    for name, query in written.queries.items():
        assert not list(QUERY.mismatches(query, ""))
        assert Query.of([query] if isinstance(query, str) else cast("list[str]", query)) != query_for(name)


def test_a_query_has_no_more_spellings_than_a_request_may_give() -> None:
    [query] = suggested_queries([", ".join(f"synonym {chr(97 + i)}" for i in range(25))]).values()
    assert query == [f"synonym {chr(97 + i)}" for i in range(20)]


@pytest.mark.parametrize("part", ["_", " ", "-", "/a", "(", "a.", "a,", "A", "aB", "0", "a_(", "a/", "[", "&a"])
def test_long_names_are_passed_over(part: str) -> None:
    before = time.process_time()
    assert not written_names([f"{part * 50_000}x (y) n12345678", "dog"]).places
    assert time.process_time() - before < 5


def test_names_without_a_pattern_are_passed_over_quickly() -> None:
    """The 18,381 names of the benchmark take less than 100 ms of a processor; a loaded machine gets more time."""
    names = [f"class name of {''.join(chr(97 + int(digit)) for digit in str(i))}" for i in range(18_381)]
    took = []
    for _ in range(3):
        before = time.process_time()
        assert not written_names(names).places
        took.append(time.process_time() - before)
    assert min(took) < 0.5
