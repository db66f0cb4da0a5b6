"""The README and the program say the same."""

from __future__ import annotations

import ast
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


def fault_rows() -> list[list[str]]:
    """Return the cells of the table of faults: number, fault, simulation, processes, also."""
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if re.match(r"\| F-\d+ \|", line)]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_every_test_in_the_table_of_faults_exists() -> None:
    named = {
        name if name.startswith("tests/") else f"tests/process/{name}"
        for row in fault_rows()
        for cell in row[3:]
        for name in re.findall(r"`([\w/.]+\.py::\w+)`", cell)
    }
    missing = []
    for name in sorted(named):
        path, _, function = name.partition("::")
        tree = (
            ast.parse((ROOT / path).read_text(encoding="utf-8")) if (ROOT / path).exists() else None
        )
        known = [] if tree is None else [getattr(node, "name", "") for node in tree.body]
        if function not in known:
            missing.append(name)
    assert len(named) > 30
    assert missing == []


def test_every_blow_in_the_table_of_faults_is_struck_by_the_simulator() -> None:
    code = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "tests" / "simulation").glob("*.py")
    )
    kinds = {kind for row in fault_rows() for kind in re.findall(r"`(\w+)`", row[2])}
    made = re.compile(r"(net_cut|drill|edge|hub)_\w+")
    assert [
        kind for kind in sorted(kinds) if f'"{kind}"' not in code and not made.match(kind)
    ] == []


def test_the_table_of_faults_has_all_of_them_and_most_strike_nodes_or_the_simulator() -> None:
    rows = fault_rows()
    assert [row[0] for row in rows] == [f"F-{number}" for number in range(1, 38)]
    struck = [row[0] for row in rows if row[2] or (row[3] and not row[3].startswith("no test"))]
    assert len(struck) >= 30
