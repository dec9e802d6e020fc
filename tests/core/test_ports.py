"""Ports: built-ins are found by name, unknown names are answered with the known ones."""

from __future__ import annotations

import importlib

import pytest

from evalkit.core.errors import ConfigError
from evalkit.core.ports import ADAPTERS, GRADERS, adapter_factory, grader_factory


@pytest.mark.parametrize("target", [*ADAPTERS.values(), *GRADERS.values()])
def test_every_built_in_can_be_imported(target: str) -> None:
    """The registry names modules as text: a typing error would show only on first use."""
    module, _, attribute = target.partition(":")
    assert callable(getattr(importlib.import_module(module), attribute))


def test_a_factory_is_what_the_registry_names() -> None:
    """Imported on first use."""
    from evalkit.providers.replay import adapter

    assert adapter_factory("replay", "here") is adapter


@pytest.mark.parametrize(
    ("find", "what", "known"),
    [(adapter_factory, "wire", "'openai_chat'"), (grader_factory, "grader", "'json_schema'")],
)
def test_an_unknown_name_is_answered_with_the_known_ones(find, what, known) -> None:
    """With the place that names it."""
    with pytest.raises(ConfigError) as caught:
        find("exakt", "suite.yaml:7")
    assert str(caught.value).startswith(f"suite.yaml:7: unknown {what} 'exakt'; known: ")
    assert known in str(caught.value)
