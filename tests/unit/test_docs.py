"""The README and the program say the same."""

from __future__ import annotations

import re
from importlib.metadata import entry_points
from pathlib import Path

import click
import pytest

from shared.runtime.program import GROUP

ROOT = Path(__file__).parents[2]
GROUPS = {point.name: point.load() for point in entry_points(group=GROUP) if point.name != "sim"}


def commands() -> list[tuple[str, str, click.Command]]:
    return [
        (group, name, command)
        for group, commands in GROUPS.items()
        for name, command in commands.commands.items()
    ]


@pytest.mark.parametrize("document", ["README.md", "devices/README.md", "ARCHITECTURE.md"])
def test_every_command_in_a_document_exists(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    named = set(re.findall(r"bincard (hub|edge|devices) ([a-z][a-z-]+)", text))
    known = {(group, name) for group, name, _ in commands()}
    assert named - known == set()


def test_the_readme_shows_how_each_kind_of_machine_is_served() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(f"bincard {group} serve" in text for group in GROUPS)


def test_every_command_and_option_says_what_it_does() -> None:
    silent = [
        f"{group} {name} {getattr(parameter, 'opts', [''])[0]}"
        for group, name, command in commands()
        for parameter in command.params
        if isinstance(parameter, click.Option) and not parameter.help
    ]
    silent += [f"{group} {name}" for group, name, command in commands() if not command.help]
    assert silent == []


def test_links_in_documents_lead_somewhere() -> None:
    broken = [
        f"{document.name}: {target}"
        for document in ROOT.glob("*.md")
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text(encoding="utf-8"))
        if not (ROOT / target).exists()
    ]
    assert broken == []
