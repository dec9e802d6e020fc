"""business.yaml: what is wrong is said with file and line."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import jsonschema
import pytest
import yaml

from evalkit.analysis.economics.assumptions import told
from evalkit.analysis.economics.defaults import DEFAULTS
from evalkit.analysis.economics.profile import read_profile
from evalkit.analysis.economics.triangle import Triangle, certain
from evalkit.core.errors import ConfigError
from evalkit.core.schemas import schema_of

# The example of the contract.
WHOLE = """
schema_version: 1
volumes: {extraction: {requests_per_month: {low: 20000, mode: 50000, high: 120000}}, classification: {requests_per_month: 400000}}
limits: {extraction: {quality: 0.90, malformed_rate: 0.02, latency_p95_ms: 4000}}
sensitivity: {extraction: confidential}
self_hosting:
  llama-4-scout: {usd_per_gpu_hour: {low: 1.3, mode: 1.9, high: 4.0}, gpus_per_replica: 1, requests_per_s_per_replica: {low: 1.0, mode: 2.4, high: 4.0}, min_replicas: 2, spare_replicas: 0, utilisation: 0.5, peak_factor: 3, hours_per_month: 730, infrastructure_share: 0.1, fallback_share: 0}
operations: {hours_per_month: {low: 4, mode: 20, high: 80}, usd_per_hour: 100, setup_hours: 80, amortise_months: 12}
talent: {ml_engineers: 1}
switching: {usd: 20000, weeks: 6}
api_price_change_per_year: {low: -0.6, mode: -0.3, high: 0.2}
volume_growth_per_year: 0.5
require: {extraction: {regions: [eu]}}
horizon_months: 12
seed: 0
"""  # noqa: E501


def read(tmp_path: Path, text: str):
    path = tmp_path / "business.yaml"
    path.write_text(text)
    return read_profile(path)


def test_the_contracts_example_is_read(tmp_path: Path) -> None:
    """Numbers become ranges of no width; the schema agrees."""
    profile = read(tmp_path, WHOLE)
    assert profile.requests_per_month["classification"] == certain(400_000)
    assert profile.self_hosting["llama-4-scout"].usd_per_gpu_hour == Triangle(
        low=1.3, mode=1.9, high=4.0
    )
    assert profile.require == {"extraction": {"regions": ["eu"]}}
    jsonschema.validate(yaml.safe_load(WHOLE), schema_of("business"))


def test_an_empty_profile_is_one_of_defaults(tmp_path: Path) -> None:
    """Volumes are asked for where they are needed."""
    assert read(tmp_path, "schema_version: 1\n").requests_per_month == {}


BAD = {
    "volumes: {a: {requests_per_month: -1}}": "above 0",
    "volumes: {a: {requests_per_month: {low: 3, mode: 2, high: 9}}}": "must rise from low",
    "volumes: {a: {}}": "`requests_per_month` of 'a' is missing",
    "volumes: {a: 5}": "'a' must be a mapping",
    "volumes: {a: {requests_per_month: .inf}}": "above 0",
    "self_hosting: {m: {usd_per_gpu_hour: -2}}": "from 0 up",
    "self_hosting: {m: {utilisation: 1.5}}": "above 0 and at most 1",
    "self_hosting: {m: {requests_per_s_per_replica: 0}}": "above 0",
    "self_hosting: {m: {min_replicas: 1.5}}": "whole",
    "self_hosting: {m: {peak_factor: 0.5}}": "from 1 up",
    "self_hosting: {m: {capex_usd: 30000}}": "owned hardware needs",
    "self_hosting: {m: {usd_per_gpu_hour: 1, capex_usd: 1, life_months: 1, kw: 1, usd_per_kwh: 1}}": "got both",  # noqa: E501
    "self_hosting: {m: {gpu_price: 2}}": "unknown key 'gpu_price'",
    "limits: {a: {quality: 90}}": "a share from 0 to 1",
    "sensitivity: {a: secret}": "allowed: 'public'",
    "require: {a: {region: [eu]}}": "unknown demand 'region'",
    "operations: {usd_per_hour: {low: 1, mode: 2}}": "`high` is missing",
    "api_price_change_per_year: -1.5": "above -1",
    "horizon_months: 0": "1 to 120",
    "volume: {a: 1}": "did you mean 'volumes'",
    "seed: -1": "from 0 up",
}


@pytest.mark.parametrize("text", BAD)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, text: str) -> None:
    """One line each, and the schema refuses what is wrong by itself too."""
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, f"schema_version: 1\n{text}\n")
    assert "business.yaml:2: " in caught.value.problems[0]
    assert BAD[text] in caught.value.problems[0]


@pytest.mark.parametrize(
    "text",
    [
        "volumes: {a: {requests_per_month: %d}}",
        "self_hosting: {m: {usd_per_gpu_hour: {low: 1, mode: 2, high: %d}}}",
        "operations: {usd_per_hour: %d}",
        "switching: {usd: %d}",
        "limits: {a: {latency_p95_ms: %d}}",
    ],
)
def test_schema_and_reader_agree_on_what_is_too_large(tmp_path: Path, text: str) -> None:
    """Beyond 1e12 no figure is one."""
    schema, large = schema_of("business"), text % (2 * 10**12)
    with pytest.raises(ConfigError):
        read(tmp_path, f"schema_version: 1\n{large}\n")
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"schema_version": 1, **yaml.safe_load(large)}, schema)
    read(tmp_path, f"schema_version: 1\n{text % 2000}\n")
    jsonschema.validate({"schema_version": 1, **yaml.safe_load(text % 2000)}, schema)


def test_old_defaults_warn() -> None:
    """After 180 days, by name and age."""
    default = DEFAULTS["usd_per_gpu_hour"]
    assert default.warning(default.as_of + dt.timedelta(days=180)) is None
    assert "181 days old" in str(default.warning(default.as_of + dt.timedelta(days=181)))


@pytest.mark.parametrize("name", DEFAULTS)
def test_every_default_says_where_it_is_from(name: str) -> None:
    """Value, meaning, source and date."""
    assert str(DEFAULTS[name].as_of) in told(name, DEFAULTS[name])
    assert DEFAULTS[name].source
