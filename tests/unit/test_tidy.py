"""Style is a test: what a reviewer would otherwise have to say again and again.

Method: every tracked Python file is parsed once; each rule walks the trees and lists its offenders,
so that a failure names all places at once.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.simulation.mutants import spoiled
from tests.simulation.runner import MUTANTS

ROOT = Path(__file__).parents[2]
PACKAGES = ("edge", "hub", "shared", "devices", "deploy", "tests")
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
LINE_COLUMNS_MAX = 100

PURE = ("edge/domain", "hub/domain", "shared/domain", "shared/sync", "edge/sync/core",
        "hub/sync/core", "hub/channels")  # fmt: skip
IMPURE_MODULES = {
    "time", "random", "secrets", "uuid", "asyncio", "threading", "socket", "sqlite3", "logging",
    "os", "subprocess", "litestar", "zmq", "serial", "httpx", "structlog",
}  # fmt: skip
IMPURE_CALLS = {"now", "utcnow", "today", "urandom", "uuid4", "open", "print", "input"}

PATHS = sorted(
    path
    for package in PACKAGES
    for path in (ROOT / package).rglob("*.py")
    if "__pycache__" not in path.parts
)
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in PATHS}


def where(path: Path, line: int = 0) -> str:
    return f"{path.relative_to(ROOT)}:{line}"


def is_pure(path: Path) -> bool:
    return path.relative_to(ROOT).as_posix().startswith(PURE)


def test_there_is_something_to_check() -> None:
    assert len(PATHS) > 20


def test_files_are_short() -> None:
    long = {
        where(path): lines
        for path in PATHS
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > FILE_LINES_MAX
    }
    assert long == {}


def test_functions_are_short() -> None:
    long = {
        where(path, node.lineno): f"{node.name} has {length} lines"
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and (length := node.end_lineno - node.lineno + 1) > FUNCTION_LINES_MAX
    }
    assert long == {}


@pytest.mark.parametrize("suffix", ["*.js", "*.css", "*.html", "*.sql", "*.sh", "*.md"])
def test_other_files_are_short_too(suffix: str) -> None:
    long = {
        where(path): lines
        for package in PACKAGES
        for path in (ROOT / package).rglob(suffix)
        if "vendor" not in path.parts
        and (lines := len(path.read_text(encoding="utf-8").splitlines())) > FILE_LINES_MAX
    }
    assert long == {}


def test_every_module_teaches_its_idea() -> None:
    silent = [
        where(path)
        for path, tree in TREES.items()
        if ast.get_docstring(tree) is None and "tests" not in path.parts
    ]
    assert silent == []


def test_public_functions_say_what_they_do() -> None:
    silent = [
        where(path, node.lineno) + " " + node.name
        for path, tree in TREES.items()
        if path.relative_to(ROOT).parts[0] in {"edge", "hub", "shared", "devices"}
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and ast.get_docstring(node) is None
        and not _is_nested(tree, node)
    ]
    assert silent == []


def _is_nested(tree: ast.Module, wanted: ast.AST) -> bool:
    """Return True for functions defined inside functions: they explain themselves in place."""
    return any(
        wanted is inner
        for outer in ast.walk(tree)
        if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(outer)
        if inner is not outer
    )


def test_pure_modules_touch_nothing_outside() -> None:
    offenders = []
    for path, tree in TREES.items():
        if not is_pure(path):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                names = {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names = {(node.module or "").split(".")[0]}
            elif isinstance(node, ast.Call):
                called = node.func
                name = called.attr if isinstance(called, ast.Attribute) else ""
                name = called.id if isinstance(called, ast.Name) else name
                names = set()
                if name in IMPURE_CALLS:
                    offenders.append(where(path, node.lineno) + f" calls {name}")
            else:
                continue
            offenders += [where(path, node.lineno) + f" {name}" for name in names & IMPURE_MODULES]
    assert offenders == []


def test_sql_lives_only_in_stores() -> None:
    words = ("SELECT ", "INSERT ", "UPDATE ", "DELETE FROM ", "CREATE TABLE ")
    offenders = [
        where(path, node.lineno)
        for path, tree in TREES.items()
        if path.relative_to(ROOT).parts[0] in {"edge", "hub", "shared", "devices"}
        and "store" not in path.parts
        and path.relative_to(ROOT).as_posix() != "devices/printers/journal.py"
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and node.value.lstrip().startswith(words)
    ]
    assert offenders == []


def test_tests_do_not_sleep() -> None:
    offenders = [
        where(path, node.lineno)
        for path, tree in TREES.items()
        if "tests" in path.parts
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "sleep"
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "time"
    ]
    assert offenders == []


def test_nothing_names_the_machine_it_was_written_on() -> None:
    offenders = []
    homes = ["".join(("/wo", "rk/")), "".join(("/ro", "ot/")), "".join(("/ho", "me/"))]
    for path in PATHS:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if any(home in line for home in homes):
                offenders.append(where(path, number))
    assert offenders == []


def test_every_mutant_of_the_simulator_still_fits_the_code() -> None:
    """Who changes a line that a mutant spoils changes the mutant with it (`tests/simulation`)."""
    misfits = {}
    for mutant in MUTANTS:
        try:
            with spoiled(mutant):
                assert mutant.function.__code__ is mutant.code
        except (LookupError, AttributeError, TypeError, SyntaxError) as error:
            misfits[mutant.name] = str(error)
    assert misfits == {}
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 100
