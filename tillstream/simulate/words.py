"""The words the demo store is written in: what it sells, and who buys it."""

from __future__ import annotations

from typing import NamedTuple


class Kind(NamedTuple):
    """A leaf of the category tree: its name, what is sold there, and from which price to which."""

    name: str
    nouns: tuple[str, ...]
    materials: tuple[str, ...]
    lowest_price: int
    highest_price: int


DEPARTMENTS: dict[str, tuple[Kind, ...]] = {
    "Home & Living": (
        Kind("Bedding", ("Duvet Cover", "Pillowcase Set", "Throw", "Quilt"), ("Linen", "Cotton", "Wool"), 25, 180),
        Kind("Lighting", ("Desk Lamp", "Floor Lamp", "Pendant", "Lantern"), ("Brass", "Oak", "Paper"), 30, 260),
        Kind("Storage", ("Basket", "Shelf", "Crate", "Hook Rail"), ("Willow", "Steel", "Ash"), 12, 140),
        Kind("Decor", ("Vase", "Mirror", "Candle Holder", "Wall Clock"), ("Ceramic", "Glass", "Walnut"), 14, 160),
    ),
    "Kitchen": (
        Kind("Cookware", ("Skillet", "Saucepan", "Casserole", "Wok"), ("Cast Iron", "Copper", "Steel"), 28, 220),
        Kind("Tableware", ("Dinner Plate", "Bowl", "Mug", "Carafe"), ("Stoneware", "Porcelain", "Glass"), 8, 60),
        Kind(
            "Knives & Tools", ("Chef's Knife", "Peeler", "Board", "Whisk"), ("Carbon Steel", "Beech", "Steel"), 9, 190
        ),
        Kind("Coffee & Tea", ("Teapot", "Coffee Grinder", "Kettle", "Dripper"), ("Enamel", "Copper", "Glass"), 16, 170),
    ),
    "Women": (
        Kind("Dresses", ("Wrap Dress", "Shirt Dress", "Maxi Dress"), ("Linen", "Viscose", "Silk"), 45, 210),
        Kind("Knitwear", ("Cardigan", "Jumper", "Roll Neck"), ("Merino", "Cashmere", "Cotton"), 40, 240),
        Kind("Women's Shoes", ("Ankle Boot", "Loafer", "Sandal"), ("Leather", "Suede", "Canvas"), 55, 230),
    ),
    "Men": (
        Kind("Shirts", ("Oxford Shirt", "Overshirt", "Polo"), ("Cotton", "Flannel", "Linen"), 30, 120),
        Kind("Trousers", ("Chinos", "Jeans", "Cargo Trousers"), ("Twill", "Denim", "Corduroy"), 40, 150),
        Kind("Men's Shoes", ("Derby", "Trainer", "Chelsea Boot"), ("Leather", "Suede", "Canvas"), 60, 250),
    ),
    "Children": (
        Kind("Toys", ("Building Blocks", "Puzzle", "Train Set", "Doll"), ("Beech", "Felt", "Cork"), 10, 90),
        Kind("Children's Clothes", ("Dungarees", "Rain Jacket", "Pyjamas"), ("Cotton", "Jersey", "Fleece"), 14, 75),
        Kind("Nursery", ("Cot Mobile", "Play Mat", "Night Light"), ("Wool", "Cotton", "Birch"), 15, 130),
    ),
    "Outdoors": (
        Kind("Camping", ("Tent", "Sleeping Bag", "Camp Stove", "Cool Box"), ("Canvas", "Nylon", "Steel"), 24, 420),
        Kind("Cycling", ("Saddle Bag", "Helmet", "Rear Light", "Jersey"), ("Canvas", "Carbon", "Merino"), 12, 180),
        Kind("Garden", ("Watering Can", "Secateurs", "Planter", "Trowel"), ("Zinc", "Terracotta", "Steel"), 9, 110),
    ),
    "Electronics": (
        Kind("Audio", ("Headphones", "Speaker", "Turntable", "Radio"), ("Walnut", "Aluminium", "Graphite"), 35, 480),
        Kind("Desk", ("Keyboard", "Monitor Stand", "Cable Set", "Charger"), ("Aluminium", "Oak", "Felt"), 11, 220),
        Kind("Cameras", ("Instant Camera", "Tripod", "Camera Strap"), ("Leather", "Aluminium", "Carbon"), 18, 390),
    ),
    "Beauty": (
        Kind("Skin Care", ("Face Cream", "Serum", "Cleanser", "Balm"), ("Rose", "Oat", "Calendula"), 8, 85),
        Kind("Bath", ("Soap Bar", "Bath Salts", "Body Brush"), ("Cedar", "Lavender", "Olive"), 5, 40),
        Kind("Fragrance", ("Eau de Parfum", "Room Spray", "Scented Candle"), ("Fig", "Amber", "Vetiver"), 18, 160),
    ),
}

BRANDS = (
    "Aldermoor", "Birch & Lowe", "Calder Row", "Dunmarsh", "Eastlight", "Fjordhus", "Galloway Works", "Hearthline",
    "Ivy Quarter", "Juniper Post", "Kestrel", "Larkfield", "Maison Orme", "Nordvik", "Oakhaven", "Pell & Daughter",
    "Quillan", "Rookery", "Saltmarsh", "Tarn", "Umber House", "Vestergade", "Wrenfold", "Yarrow Lane",
)  # fmt: skip

VENDORS = (
    ("Atlas Trading", "US"), ("Blue Harbour Supply", "US"), ("Cascade Makers", "US"), ("Delta Wholesale", "US"),
    ("Elbe Handel", "DE"), ("Fenland Goods", "GB"), ("Great Southern Imports", "AU"), ("Halden Werkstatt", "DE"),
    ("Isle Crafts", "GB"), ("Kootenay Mills", "CA"), ("Laurentide", "CA"), ("Mersey Merchants", "GB"),
)  # fmt: skip

TAGS = (
    "bestseller", "clearance", "eco", "fair trade", "gift", "handmade", "limited", "new", "organic", "recycled",
    "seasonal", "vegan",
)  # fmt: skip

ADJECTIVES = (
    "Classic", "Everyday", "Folded", "Harbour", "Heirloom", "Light", "Little", "Meadow", "Midnight", "Morning",
    "Northern", "Pebble", "Quiet", "Ribbed", "Rustic", "Slow", "Soft", "Studio", "Tall", "Weekend", "Wide",
    "Winter",
)  # fmt: skip

COLOURS = ("Black", "Ivory", "Moss", "Navy", "Ochre", "Rust", "Sand", "Slate", "Terracotta", "White")
SIZES = ("Small", "Medium", "Large")

SENTENCES = (
    "Made in small runs by people who have done nothing else for decades.",
    "It gets better with use, and it is easy to mend when it does not.",
    "We tried eleven versions before we kept this one.",
    "The colour comes from the material and not from a coat of paint.",
    "Wipe it with a damp cloth and let it dry in the air.",
    "It arrives flat, in a box that you can put out with the paper.",
    "Sized to fit the drawer, the shelf and the hand.",
    "The seams are doubled where others save a minute.",
    "Goes with everything you already own, and outlives most of it.",
    "Tested in our own kitchens, gardens and offices for a year.",
    "A present that nobody exchanges.",
    "Spare parts are kept for ten years from the day you buy it.",
)

GUIDE_WORDS = (
    "amber", "balance", "beeswax", "bench", "border", "bright", "brushed", "careful", "carry", "chapter", "clean",
    "coarse", "corner", "cotton", "crisp", "dense", "double", "durable", "early", "edge", "evening", "fibre",
    "finish", "fold", "frame", "gentle", "grain", "handle", "harvest", "heavy", "hinge", "honest", "joint", "kiln",
    "label", "layer", "lining", "maker", "measure", "narrow", "natural", "needle", "orchard", "oven", "panel",
    "pattern", "plain", "polish", "press", "quality", "quarter", "raw", "repair", "resin", "river", "rough",
    "season", "shade", "simple", "slender", "smooth", "solid", "spring", "stitch", "strong", "supple", "surface",
    "temper", "thread", "timber", "tradition", "turned", "useful", "valley", "varnish", "warm", "wash", "weather",
    "weave", "weight", "wide", "winter", "workshop", "yarn",
)  # fmt: skip

FIRST_NAMES = (
    "Aisha", "Akira", "Alice", "Amara", "Amélie", "Anders", "Anna", "Arjun", "Astrid", "Aylin", "Beatriz", "Ben",
    "Björn", "Camille", "Carlos", "Chiara", "Chloé", "Daniel", "Darius", "Diego", "Elena", "Elif", "Emma", "Ethan",
    "Fatima", "Finn", "Freya", "Gabriel", "Grace", "Hannah", "Hiro", "Ines", "Isla", "Jack", "Jasmine", "Johanna",
    "José", "Jürgen", "Kateřina", "Kofi", "Lars", "Leila", "Leo", "Liam", "Lucía", "Luka", "Łukasz", "Maja",
    "Malik", "María", "Mateo", "Mei", "Mia", "Mohammed", "Nadia", "Ngozi", "Noah", "Nora", "Olga", "Oliver", "Omar",
    "Owen", "Paula", "Priya", "Rafael", "Renée", "Rosa", "Ruth", "Samuel", "Sara", "Siobhán", "Sofia", "Søren",
    "Tariq", "Thomas", "Tomás", "Yara", "Yuki", "Zoë", "Željko", "王芳", "Дмитрий",
)  # fmt: skip

LAST_NAMES = (
    "Abbott", "Adeyemi", "Ahmed", "Andersson", "Baker", "Bauer", "Bennett", "Bianchi", "Brown", "Campbell",
    "Carter", "Castillo", "Chen", "Clarke", "Cohen", "Costa", "Da Silva", "Davies", "Dubois", "Edwards", "Fischer",
    "Fraser", "García", "Gill", "González", "Gruber", "Haddad", "Hall", "Hansen", "Hughes", "Ibrahim", "Ivanov",
    "Jackson", "Jensen", "Johnson", "Kaplan", "Kaur", "Kelly", "Khan", "Kim", "Kowalski", "Krüger", "Lambert",
    "Larsen", "Lee", "Lefèvre", "López", "MacLeod", "Martin", "Mensah", "Meyer", "Moore", "Müller", "Murphy",
    "Nakamura", "Nguyen", "Novák", "O'Brien", "O'Connor", "Okafor", "Olsen", "Papadopoulos", "Park", "Patel",
    "Pereira", "Peters", "Popescu", "Quinn", "Reid", "Rivera", "Roberts", "Rossi", "Ruiz", "Sato", "Schmidt",
    "Schröder", "Scott", "Sharma", "Silva", "Singh", "Smith", "Sørensen", "Suzuki", "Tanaka", "Taylor", "Thompson",
    "Torres", "Van Dijk", "Walker", "Wang", "Watson", "Weber", "White", "Williams", "Wilson", "Wójcik", "Wright",
    "Yamamoto", "Y\u0131lmaz", "Young", "Zhang",
)  # fmt: skip

STREETS = (
    "Abbey Road", "Acorn Lane", "Beech Avenue", "Bridge Street", "Canal Street", "Castle Hill", "Cedar Court",
    "Chapel Lane", "Church Road", "Elm Street", "Garden Close", "Harbour Way", "High Street", "Hill Road",
    "King Street", "Lake Drive", "Lindenstraße", "Maple Avenue", "Market Square", "Mill Lane", "Oak Street",
    "Orchard Road", "Park Row", "Pine Street", "Queen Street", "River Road", "School Lane", "Spring Street",
    "Station Road", "Sunset Boulevard", "Union Street", "Valley View", "Victoria Road", "Walnut Street",
    "Water Lane", "Westfield", "Windmill Hill",
)  # fmt: skip

NOTES = (
    "Please leave it with the neighbour.",
    "It's a gift: no invoice in the box, please.",
    "Ring twice. The dog is friendly.",
    "Call before delivery; gate code 4711#.",
    "Bitte beim Nachbarn abgeben \u2013 danke!",
    "Merci de livrer après 18 h 🙂",
    'Fragile, "handle with care".\nSecond line: back\\side door.',
)

ROLES = (
    ("manager", "Manages the store"),
    ("support", "Answers customers"),
    ("warehouse", "Packs and ships"),
    ("merchandiser", "Keeps the catalogue"),
)
PAYMENT_METHODS = ("card", "paypal", "bank transfer", "gift card", "cash on delivery")
SHIPPING_METHODS = (("standard", 495), ("express", 1295), ("pickup", 0), ("overnight", 2450))
CAMPAIGNS = (
    "New Year",
    "Spring Refresh",
    "Summer Sale",
    "Back to School",
    "Autumn Edit",
    "Black Friday",
    "Gift Season",
)

# Where parcels leave from: the city, its province and country.
WAREHOUSES = (
    ("Newark", "New Jersey", "US"),
    ("Reno", "Nevada", "US"),
    ("Leipzig", "Saxony", "DE"),
    ("Melbourne", "Victoria", "AU"),
)
