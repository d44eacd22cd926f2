"""The 63 datasets of the FoMo-in-Flux benchmark: years, caption templates, zero-shot scores.

Facts from the dataset tables of "A Practitioner's Guide to Continual Multimodal Pretraining" (arXiv 2408.14471) and the
benchmark's code. The years of the 41 adaptation datasets are those of its own time-incremental streams.
"""

from dataclasses import dataclass
from typing import Literal

SCORES_MODEL = "OpenCLIP ViT-B/32"
"""The model that the catalogue's scores are of, as manifests name it."""

SCORES_METRIC = "zero-shot accuracy in percent; recall for retrieval sets"
"""What the catalogue's scores measure, as manifests name it."""


@dataclass(frozen=True)
class KnownDataset:
    """One dataset of the benchmark.

    Attributes
    ----------
    handle : str
        Lower-case module name in the benchmark's code.
    name : str
        The name in the benchmark's streams and in those of this project.
    title : str
        The name in the paper's tables.
    split : {"adaptation", "evaluation"}
        Whether models are trained on it or only evaluated.
    year : int
        Year of publication.
    train_samples, test_samples, classes : int
        Sizes as the paper gives them; 0 classes for the retrieval sets.
    domain, license, captions : str
        As in the paper's tables.
    template : str
        Caption template; ``{}`` is replaced by the class name.
    zero_shot_score : float
        Zero-shot accuracy of OpenCLIP ViT-B/32 in percent (recall for the retrieval sets).
    """

    handle: str
    name: str
    title: str
    split: Literal["adaptation", "evaluation"]
    year: int
    train_samples: int
    test_samples: int
    classes: int
    domain: str
    license: str
    captions: str
    template: str
    zero_shot_score: float


# fmt: off
CATALOGUE: tuple[KnownDataset, ...] = (
    KnownDataset("ai2diagrams", "AI2DIAGRAMS", "AI2Diagrams", "adaptation", 2016, 2_720, 681, 15, "diagrams", "CC BY-SA", "generated", "A photo of a {}.", 72.7),
    KnownDataset("artbench10", "ARTBENCH10", "ArtBench10", "adaptation", 2022, 47_531, 11_883, 1_870, "paintings", "Fair Use", "generated", "A painting of the artist {}.", 15.0),
    KnownDataset("birdsnap", "BIRDSNAP", "Birdsnap", "adaptation", 2014, 31_905, 7_977, 500, "finegrained, natural", "Unspecified, but academic usage", "generated", "A photo of the bird {}.", 46.7),
    KnownDataset("cifar100", "CIFAR100", "Cifar100", "adaptation", 2009, 50_000, 10_000, 100, "natural", "Unspecified, but academic usage", "generated", "A photo of a {}.", 75.8),
    KnownDataset("clevr", "CLEVR", "CLEVR", "adaptation", 2017, 55_931, 13_983, 217, "synthetic", "CC BY 4.0", "generated", "A photo of synthetic shapes, with {}.", 4.7),
    KnownDataset("clrs", "CLRS", "CLRS", "adaptation", 2020, 13_525, 1_475, 25, "remote sensing", "Academic purposes", "generated", "A satellite image of a {}.", 59.7),
    KnownDataset("country211", "COUNTRY211", "Country211", "adaptation", 2021, 31_650, 21_100, 211, "natural", "various CC", "generated", "A photo representing the country of {}.", 14.6),
    KnownDataset("cub200", "CUB200", "CUB200-2011", "adaptation", 2011, 5_994, 5_794, 200, "finegrained, natural", "custom non-commercial", "generated", "A photo of a {}, a type of bird.", 64.1),
    KnownDataset("df20mini", "DF20MINI", "DF20-mini", "adaptation", 2021, 32_724, 3_637, 179, "finegrained, natural", "custom non-commercial", "generated", "A photo of the fungi {}.", 2.1),
    KnownDataset("dollarstreet", "DOLLARSTREET", "Dollarstreet", "adaptation", 2022, 13_555, 4_103, 1_701, "finegrained, natural", "CC BY-SA 4.0", "generated", "A photo of a {}.", 5.5),
    KnownDataset("domainnet_clipart", "DOMAINNET_CLIPART", "Domainnet-Clipart", "adaptation", 2019, 33_525, 14_604, 345, "illustrations", "custom non-commercial", "generated", "A clipart of a {}.", 78.7),
    KnownDataset("domainnet_infograph", "DOMAINNET_INFOGRAPH", "Domainnet-Infograph", "adaptation", 2019, 36_023, 15_582, 345, "diagrams", "custom non-commercial", "generated", "An infograph of a {}.", 50.9),
    KnownDataset("domainnet_painting", "DOMAINNET_PAINTING", "Domainnet-Painting", "adaptation", 2019, 50_416, 21_850, 344, "paintings", "custom non-commercial", "generated", "A painting of a {}.", 71.9),
    KnownDataset("domainnet_sketch", "DOMAINNET_SKETCH", "Domainnet-Sketch", "adaptation", 2019, 48_212, 20_916, 345, "sketch", "custom non-commercial", "generated", "A sketch of a {}.", 68.9),
    KnownDataset("dsprites", "DSPRITES", "Dsprites", "adaptation", 2017, 75_000, 25_000, 27, "synthetic", "Apache 2.0", "procedural", "A black-and-white photo of a {}.", 11.8),
    KnownDataset("dtd", "DTD", "DTD", "adaptation", 2014, 1_880, 1_880, 47, "textural", "custom non-commercial", "generated", "A photo of a {} texture.", 54.5),
    KnownDataset("fgvcaircraft", "FGVCAircraft", "FGVCAircraft", "adaptation", 2013, 3_334, 3_333, 100, "finegrained, natural", "custom non-commercial", "generated", "A photo of a {}, a type of aircraft.", 23.9),
    KnownDataset("flowers102", "FLOWERS102", "Flowers102", "adaptation", 2008, 6_149, 1_020, 102, "finegrained, natural", "Unspecified, but academic usage", "generated", "A photo of a {}, a type of flower.", 68.0),
    KnownDataset("fru92", "FRU92", "FRU92", "adaptation", 2017, 55_814, 9_200, 92, "finegrained, natural", "Apache 2.0", "generated", "A photo of a {}, a type of fruit.", 50.3),
    KnownDataset("inaturalist2021", "iNATURALIST2021", "iNaturalist2021", "adaptation", 2021, 125_000, 25_000, 2_500, "finegrained, natural", "custom non-commercial", "generated", "A photo of a {}.", 5.4),
    KnownDataset("isicmelanoma", "ISICMELANOMA", "Isicmelanoma", "adaptation", 2020, 2_245, 562, 7, "medical", "CC BY-NC", "generated", "A close-up photo of human skin with a mole exhibiting {}.", 14.2),
    KnownDataset("mitstates", "MITSTATES", "Mitstates", "adaptation", 2015, 43_002, 10_751, 1_959, "finegrained, natural", "Unspecified, but academic usage", "generated", "A photo of a {}.", 25.6),
    KnownDataset("mtsd", "MTSD", "Mtsd", "adaptation", 2020, 59_978, 8_737, 227, "finegrained, traffic signs", "CC BY-NC-SA 4.0", "generated", 'A centered photo of a "{}" traffic sign.', 20.2),
    KnownDataset("mvtecad_adapt", "MVTECAD_Adapt", "MVTec-AD (Base)", "adaptation", 2019, 2_903, 726, 15, "high-resolution, industrial", "CC BY-NC-SA 4.0", "generated", "A close-up photo of a {}.", 80.2),
    KnownDataset("mvtecad_eval", "MVTECAD_Eval", "MVTec-AD (Faults)", "adaptation", 2019, 1_380, 345, 88, "high-resolution, industrial", "CC BY-NC-SA 4.0", "generated", "A close-up photo of a {}.", 16.8),
    KnownDataset("objectnet", "OBJECTNET", "ObjectNet", "adaptation", 2019, 40_134, 10_000, 313, "natural", "CC BY 4.0", "generated", "A photo of a {}.", 32.1),
    KnownDataset("obsc_animals", "OBSC_ANIMALS", "Obscure Animals", "adaptation", 2023, 17_000, 4_238, 74, "generative", "MIT", "custom", "A photo of the obscure animal {}.", 58.9),
    KnownDataset("obsc_things", "OBSC_THINGS", "Obscure Things", "adaptation", 2023, 19_128, 4_758, 84, "generative", "MIT", "custom", "A photo of the obscure thing {}.", 54.0),
    KnownDataset("openimages", "OPENIMAGES", "OpenImages", "adaptation", 2016, 115_333, 8_593, 589, "natural", "Apache 2.0", "available", "A photo of a {}.", 49.4),
    KnownDataset("patternnet", "PATTERNNET", "PatternNet", "adaptation", 2018, 26_600, 3_800, 38, "remote sensing", "custom non-commercial", "generated", "A satellite image of a {}.", 63.6),
    KnownDataset("places365", "PLACES365", "Places365", "adaptation", 2017, 120_231, 36_499, 365, "natural", "custom non-commercial", "generated", "A photo of a {}.", 41.8),
    KnownDataset("plantvillage", "PLANTVILLAGE", "Plantvillage", "adaptation", 2015, 43_444, 10_681, 38, "finegrained, natural", "CC0", "generated", "A close-up photo of a {}.", 28.3),
    KnownDataset("quilt", "QUILT", "Quilt-1M", "adaptation", 2023, 95_862, 23_966, 157, "medical", "Academic purposes", "available", "A histopathology photo depicting {} pathologies.", 0.2),
    KnownDataset("resisc45", "RESISC45", "Resisc45", "adaptation", 2021, 18_900, 6_300, 45, "remote sensing", "Unspecified, but academic usage", "generated", "A satellite image of {}.", 62.5),
    KnownDataset("shapes3d", "SHAPES3D", "Shapes3D", "adaptation", 2018, 75_000, 25_000, 864, "synthetic", "Apache 2.0", "procedural", "A photo of a synthetic {}.", 16.8),
    KnownDataset("snake_clef", "SNAKECLEF", "SnakeCLEF2023", "adaptation", 2022, 151_031, 14_117, 1_599, "finegrained, natural", "custom non-commercial", "generated", "A photo of a {} snake.", 0.3),
    KnownDataset("sun397", "SUN397", "SUN397", "adaptation", 2010, 15_880, 19_850, 397, "natural", "custom non-commercial", "generated", "A photo of a {}.", 68.2),
    KnownDataset("synthclip106", "SynthCLIP106", "SynthCLIP106", "adaptation", 2023, 84_800, 13_886, 106, "generative", "CC BY-NC 4.0", "generated", "A photo of a {}.", 41.0),
    KnownDataset("veg200", "VEG200", "Veg200", "adaptation", 2017, 61_117, 20_000, 200, "finegrained, natural", "Apache 2.0", "generated", "A photo of a {}, a type of vegetable.", 32.5),
    KnownDataset("zappos50k", "ZAPPOS50k", "Zappos50k", "adaptation", 2014, 37_829, 9_458, 1_847, "finegrained, object", "custom non-commercial", "generated", "A photo of {} shoes.", 17.5),
    KnownDataset("fscoco", "FSCOCO", "FSCOCO", "adaptation", 2022, 7_105, 1_777, 115, "sketch", "CC BY-NC 4.0", "available", "A sketch of a {}", 8.1),
    KnownDataset("caltech101", "CALTECH101", "Caltech101", "evaluation", 2004, 6_026, 2_651, 101, "natural", "CC BY 4.0", "generated", "A photo of a {}.", 90.7),
    KnownDataset("caltech256", "CALTECH256", "Caltech256", "evaluation", 2007, 21_307, 9_300, 257, "natural", "CC BY 4.0", "generated", "A photo of a {}.", 88.5),
    KnownDataset("cars196", "CARS196", "Cars196", "evaluation", 2013, 8_144, 8_041, 196, "finegrained, natural", "custom non-commercial", "generated", "A photo of a {}, a type of car.", 85.9),
    KnownDataset("cifar10", "CIFAR10", "Cifar10", "evaluation", 2009, 50_000, 10_000, 10, "natural, low-res", "Unspecified, but academic usage", "generated", "A photo of a {}.", 93.7),
    KnownDataset("domainnet_quickdraw", "DOMAINNET_QUICKDRAW", "Domainnet-Quickdraw", "evaluation", 2019, 60_375, 25_875, 345, "sketch", "custom non-commercial", "generated", "A quickdraw of a {}.", 19.1),
    KnownDataset("eurosat", "EuroSAT", "EuroSAT", "evaluation", 2017, 18_900, 8_100, 10, "Remote Sensing", "MIT", "generated", "A centered satellite photo of a {}.", 49.2),
    KnownDataset("fashionmnist", "FashionMNIST", "FashionMNIST", "evaluation", 2017, 60_000, 10_000, 10, "b&w, low-res", "MIT", "generated", "A black-and-white photo of a {}, a type of clothing.", 77.0),
    KnownDataset("food101", "Food101", "Food101", "evaluation", 2014, 75_750, 25_250, 101, "finegrained, natural", "Unspecified, but academic usage", "generated", "A photo of a {}, a type of food.", 82.5),
    KnownDataset("gtsrb", "GTSRB", "GTSRB", "evaluation", 2011, 18_635, 8_005, 43, "traffic signs", "CC0", "generated", 'A centered photo of a "{}" traffic sign.', 48.6),
    KnownDataset("imagenet", "IMAGENET", "ImageNet", "evaluation", 2009, 0, 50_000, 1_000, "natural", "custom non-commercial", "generated", "A photo of a {}.", 65.5),
    KnownDataset("imagenet_a", "IMAGENET_A", "ImageNet-A", "evaluation", 2019, 0, 7_500, 200, "adversarial, natural", "MIT", "generated", "A photo of a {}.", 23.1),
    KnownDataset("imagenet_d", "IMAGENET_D", "ImageNet-D", "evaluation", 2024, 0, 4_835, 103, "generative", "MIT", "generated", "A photo of a {}.", 40.7),
    KnownDataset("imagenet_r", "IMAGENET_R", "ImageNet-R", "evaluation", 2020, 0, 30_000, 200, "renditions (e.g. sketch, paintings)", "MIT", "generated", "A photo of a {}.", 73.9),
    KnownDataset("imagenet_s", "IMAGENET_S", "ImageNet-S", "evaluation", 2019, 0, 50_889, 1_000, "sketch", "MIT", "generated", "A photo of a {}.", 52.3),
    KnownDataset("imagenet_v2", "IMAGENET_V2", "ImageNet-V2", "evaluation", 2019, 0, 10_000, 1_000, "natural", "MIT", "generated", "A photo of a {}.", 57.6),
    KnownDataset("mnist", "MNIST", "MNIST", "evaluation", 1998, 60_000, 10_000, 10, "b&w, low-res", "CC BY-SA 3.0", "generated", 'A black-and-white photo of the number: "{}".', 69.2),
    KnownDataset("monkeys10", "MONKEYS10", "Monkeys10", "evaluation", 2018, 1_097, 272, 10, "natural", "CC0", "generated", "A photo of a {}, a type of monkey.", 82.7),
    KnownDataset("oxford_pets", "OXFORDPETS", "OxfordPets", "evaluation", 2012, 3_680, 3_669, 37, "natural", "CC BY-SA 4.0", "generated", "A photo of a {}, a type of pet.", 90.7),
    KnownDataset("stl10", "STL10", "STL10", "evaluation", 2011, 5_000, 8_000, 10, "natural, low-res", "custom non-commercial", "generated", "A photo of a {}.", 96.4),
    KnownDataset("svhn", "SVHN", "SVHN", "evaluation", 2011, 73_257, 26_032, 10, "natural, low-res", "custom non-commercial", "generated", 'A photo of the number: "{}".', 42.8),
    KnownDataset("mscoco", "MSCOCO", "MSCOCO", "evaluation", 2014, 0, 5_000, 0, "natural", "CC BY 4.0", "available", "{}", 72.0),
    KnownDataset("flickr30k", "FLICKR30K", "Flickr30k", "evaluation", 2014, 0, 1_000, 0, "natural", "CC0", "available", "{}", 92.3),
)
# fmt: on

ADAPTATION_DATASETS = sum(each.split == "adaptation" for each in CATALOGUE)
"""The number of datasets that models are trained on; the benchmark's streams are of these."""

_BY_NAME = {name: each for each in CATALOGUE for name in (each.handle, each.name)}


def find_dataset(name: str) -> KnownDataset | None:
    """Return the catalogue's entry for a dataset by either of its two names, or None."""
    return _BY_NAME.get(name)


def canonical_name(name: str) -> str:
    """Return the FoMo-in-Flux name of a dataset that the catalogue knows, and any other name as it is."""
    known = find_dataset(name)
    return known.name if known else name
