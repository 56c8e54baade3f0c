"""The settings of the service: read out of an environment, refused by name, and all of them documented."""

from dataclasses import MISSING, fields
from pathlib import Path

import pytest

from model.errors import InputError
from service.app import create_app
from service.settings import Settings, settings_from_environment, variable_of

DOCUMENT = Path(__file__).parents[1] / "docs" / "service.md"


def test_settings_come_out_of_the_environment() -> None:
    environment = {
        "MACHIM_MODELS": "models",
        "MACHIM_MAX_LIMIT": "7",
        "MACHIM_LOG_LEVEL": "error",
        "HOME": "/root",
        "MACHIM_SERVICE_HOST": "10.0.0.1",  # Kubernetes sets these beside a Service named machim
        "MACHIM_PORT": "tcp://10.0.0.1:80",
        "MACHIM_PORT_80_TCP_ADDR": "10.0.0.1",
    }
    expected = Settings(models=Path("models"), max_limit=7, log_level="error")
    assert settings_from_environment(environment) == expected


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({}, "MACHIM_MODELS must name the folder"),
        ({"MACHIM_MODELS": ""}, "MACHIM_MODELS must name a folder"),
        ({"MACHIM_MODELS": "m", "MACHIM_LIMIT": "7"}, "MACHIM_LIMIT is no setting .* MACHIM_MAX_LIMIT"),
        ({"MACHIM_MODELS": "m", "MACHIM_MAX_LIMIT": "0"}, r"MACHIM_MAX_LIMIT must be in \[1, 100\], got 0"),
        ({"MACHIM_MODELS": "m", "MACHIM_MAX_LIMIT": "101"}, r"must be in \[1, 100\], got 101"),
        ({"MACHIM_MODELS": "m", "MACHIM_MAX_LIMIT": "1e3"}, "must be a whole number, got '1e3'"),
        ({"MACHIM_MODELS": "m", "MACHIM_MAX_LIMIT": "٣"}, "must be a whole number"),
        ({"MACHIM_MODELS": "m", "MACHIM_LOG_LEVEL": "loud"}, "one of debug, info, warning, error, got 'loud'"),
    ],
)
def test_a_setting_that_breaks_its_rule_is_refused_by_name(environment: dict[str, str], says: str) -> None:
    with pytest.raises(InputError, match=says):
        settings_from_environment(environment)


def test_the_document_tells_every_setting_and_every_address(tiny_models: Path) -> None:
    document = DOCUMENT.read_text(encoding="utf-8")
    for setting in fields(Settings):
        default = "none; it must be set" if setting.default is MISSING else f"`{setting.default}`"
        row = f"| `{variable_of(setting.name)}` | {default} | {setting.metadata['help']} |"
        assert row in document
    for rule in create_app(Settings(models=tiny_models)).url_map.iter_rules():
        assert rule.rule.partition("<")[0] in document
