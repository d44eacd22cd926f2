"""Names that no rule can tell: proper names with capitals inside, and words that label files run together."""

from collections.abc import Mapping, Set

# fmt: off
PROPER_NAMES: Set[str] = frozenset([
    # Companies, products and programs.
    "AirPods", "AlphaGo", "AutoCad", "BitTorrent", "BlackBerry", "BuzzFeed", "ByteDance", "CoffeeScript", "CorelDraw",
    "DeepMind", "DeskJet", "DreamWorks", "DuckDuckGo", "EasyJet", "FaceTime", "FedEx", "FireWire", "FitBit", "FitFlop",
    "GameBoy", "GameCube", "GarageBand", "GeForce", "GitHub", "GitLab", "GoDaddy", "GoPro", "HarperCollins", "HubSpot",
    "InDesign", "JavaScript", "JetBlue", "JetBrains", "JetSki", "LaTeX", "LaserJet", "LibreOffice", "LinkedIn",
    "LiveJournal", "MasterCard", "MediaWiki", "MySpace", "NetBeans", "NumPy", "OneDrive", "OneNote", "OnePlus",
    "OpenOffice", "PageMaker", "PayPal", "PlayStation", "PostScript", "PowerPoint", "PowerShell", "PyCharm", "PyTorch",
    "QuickTime", "SciPy", "SeaVees", "SharePoint", "SketchUp", "SlideShare", "SoftWalk", "SoundCloud", "SpongeBob",
    "StarCraft", "SurveyMonkey", "TensorFlow", "ThinkPad", "TikTok", "TrailBlazer", "TripAdvisor", "TypeScript",
    "UnionPay", "VirtualBox", "WarCraft", "WeChat", "WhatsApp", "WiFi", "WikiLeaks", "WordPerfect", "WordPress",
    "WordStar", "YouTube", "ZenDesk",
])
# fmt: on
"""Words that running text writes with capitals inside."""

RUN_TOGETHER: Mapping[str, str] = {
    # PASCAL VOC
    "diningtable": "dining table",
    "pottedplant": "potted plant",
    "tvmonitor": "TV monitor",
    # UC Merced Land Use
    "baseballdiamond": "baseball diamond",
    "denseresidential": "dense residential",
    "golfcourse": "golf course",
    "mediumresidential": "medium residential",
    "mobilehomepark": "mobile home park",
    "parkinglot": "parking lot",
    "sparseresidential": "sparse residential",
    "storagetanks": "storage tanks",
    "tenniscourt": "tennis court",
    # MIT Indoor Scenes
    "artstudio": "art studio",
    "clothingstore": "clothing store",
    "computerroom": "computer room",
    "dentaloffice": "dental office",
    "gameroom": "game room",
    "grocerystore": "grocery store",
    "hairsalon": "hair salon",
    "hospitalroom": "hospital room",
    "jewelleryshop": "jewellery shop",
    "laboratorywet": "wet laboratory",
    "livingroom": "living room",
    "movietheater": "movie theater",
    "prisoncell": "prison cell",
    "shoeshop": "shoe shop",
    "toystore": "toy store",
    "trainstation": "train station",
    "videostore": "video store",
    "waitingroom": "waiting room",
    "winecellar": "wine cellar",
}
"""By a class name of a public dataset in lower case, the words that it consists of."""
