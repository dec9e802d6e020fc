"""A run's folder analysed: its trials priced and summed up, or written as tables.

Joins the journal with the prices of the run's own providers file (or another one). It does not
change what was measured.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evalkit.analysis.cost import PriceAttempt
from evalkit.analysis.summary import ArmFacts, SuiteFacts, Summing
from evalkit.core.errors import ConfigError
from evalkit.core.records import Attempt, fingerprint
from evalkit.providers.catalogue import load_catalogue
from evalkit.providers.packaged_prices import version
from evalkit.providers.price_entries import price_entries
from evalkit.providers.pricing import PriceBook, Priced, PricedModel, Seller
from evalkit.run.folder import Run
from evalkit.run.prices import FILE, load_price_book, price_attempt, read_prices


def summarise_run(
    run: Run, *, providers: Path | None = None, checked: bool = False
) -> dict[str, Any]:
    """Return the document of summary.json, derived from the journal.

    Args:
        run: The run.
        providers: Another providers file to take prices from.
        checked: This process has just checked or closed the journal itself.

    Raises:
        JournalError: If the journal is foreign, mixed or edited.
        ConfigError: If the providers file is wrong.
    """
    summing = summing_of(run, run.manifest, providers)
    for trial in run.trials(checked=checked):
        summing.add(trial)
    return summing.document()


def summing_of(
    run: Run, manifest: Mapping[str, Any], providers: Path | None = None, *, values: bool = False
) -> Summing:
    """Return an empty summary of a run, to be given its trials.

    Args:
        run: The run.
        manifest: Its manifest as it is, or as it is going to be.
        providers: Another providers file to take prices from.
        values: Keep a hash of what each answer says.
    """
    facts = suite_facts(manifest, values=values)
    return Summing(run.run_id, facts, arm_facts(manifest), pricing(run, providers))


def write_run_tables(run: Run, *, providers: Path | None = None) -> list[Path]:
    """Write the Parquet tables into the run's folder; equal journals give equal content."""
    from evalkit.analysis.tables import write_tables

    return list(write_tables(run.trials(), run.folder, pricing(run, providers)))


def pricing(run: Run, providers: Path | None = None) -> PriceAttempt:
    """Return what prices an attempt of this run.

    The prices are those of the named providers file, else of the file that the run names, else
    those that run.json has kept.
    """
    book = _book(run.manifest, providers)
    now = dt.datetime.fromisoformat(run.manifest["started_at"])

    def price(model: str, attempt: Attempt) -> Priced:
        return price_attempt(book, model, attempt, now)

    return price


def suite_facts(manifest: Mapping[str, Any], *, values: bool = False) -> dict[str, SuiteFacts]:
    """Return what a summary must know of each suite; `values` as of `SuiteFacts`."""
    return {
        suite["name"]: SuiteFacts(primary=suite["primary"], pass_at=suite["pass_at"], values=values)
        for suite in manifest["suites"]
    }


def arm_facts(manifest: Mapping[str, Any]) -> dict[tuple[str, str], ArmFacts]:
    """Return what a summary must know of each arm of each suite."""
    return {
        (arm["suite"], arm["arm"]): ArmFacts(
            model=arm["model"],
            structured_mode=arm["mode"],
            weights=arm["weights"],
            licence=arm["licence"],
            recorded=arm["kind"] == "recorded",
            kind=arm["kind"],
            kin=arm.get("kin_judges", {}),
            policy=arm.get("policy"),
        )
        for arm in manifest["arms"]
    }


def providers_path(manifest: Mapping[str, Any]) -> Path:
    """Return the providers file of a run: the same from whatever directory it is read."""
    return Path(manifest.get("providers_path") or manifest["providers_file"])


def price_warning(manifest: Mapping[str, Any]) -> str | None:
    """Say that a run's providers file cannot be read, so that its prices may be others."""
    named = providers_path(manifest)
    try:
        load_catalogue(named)
    except ConfigError:
        state = "cannot be read any more" if named.is_file() else "is gone"
        return f"{named}: the providers file {state}: prices are those kept in run.json"
    return None


def price_identity(manifest: Mapping[str, Any], providers: Path | None) -> str:
    """Return a hash of all that decides the prices of a run, beside its trials."""
    named = providers or providers_path(manifest)
    listed = f"genai-prices {version()}"
    try:
        catalogue = load_catalogue(named)
    except ConfigError:
        return fingerprint([listed, "as kept in run.json", _text(named.parent / FILE)])
    return fingerprint([listed, repr(catalogue), _text(named.parent / FILE)])


def _text(path: Path) -> str | None:
    return path.read_text("utf-8", "replace") if path.is_file() else None


def _book(manifest: Mapping[str, Any], providers: Path | None) -> PriceBook:
    if providers is not None:
        return load_price_book(load_catalogue(providers))
    named = providers_path(manifest)
    try:
        return load_price_book(load_catalogue(named))
    except ConfigError:
        return _kept(manifest, named)


def _kept(manifest: Mapping[str, Any], named: Path) -> PriceBook:
    """Return the prices that the run has kept of a providers file that is gone."""
    models, sellers = {}, {}
    hops = [hop for arm in manifest["arms"] if "policy" in arm for hop in arm["policy"]["arms"]]
    own = [arm for arm in manifest["arms"] if "policy" not in arm]
    for arm in [*own, *hops, *manifest.get("judges", [])]:
        seller = Seller(name=arm["provider"], wire=arm["wire"], base_url=arm["base_url"])
        sellers[arm["provider"]] = seller
        entries = price_entries(arm["pricing"], arm["model"])
        models[arm["model"]] = PricedModel(seller, arm["wire_name"], entries)
    rows = read_prices(named.parent / FILE) if named.parent.is_dir() else ()
    return PriceBook(models, sellers, rows)
