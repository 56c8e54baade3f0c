"""The embedded data: places of the world in Latin script and in Hangul, from GeoNames (CC BY 4.0)."""

from pathlib import Path


def places_path() -> Path:
    """Locate the table of name, population and country."""
    return Path(__file__).with_name("places.tsv")
