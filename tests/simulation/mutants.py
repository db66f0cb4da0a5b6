"""Bugs put into the real code on purpose: a checker that never fails proves nothing.

A mutant names a function of the product and replaces a piece of its source by a wrong one, in the
running program only. The simulator must notice each of them within a bounded number of seeds.
"""

from __future__ import annotations
import __future__

import inspect
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from importlib import import_module
from types import FunctionType
from typing import Any

import msgspec


class Mutant(msgspec.Struct, frozen=True, dict=True):
    """`old` becomes `new` in `target` (`module:function` or `module:Class.function`)."""

    name: str
    target: str
    old: str
    new: str
    drills: bool = False
    """Only a world with drills can notice it."""
    drill: str = ""
    """The drill that shows it, "" for whichever a seed has."""

    @cached_property
    def function(self) -> FunctionType:
        """The function of the product to be spoiled."""
        module, _, path = self.target.partition(":")
        found: Any = import_module(module)
        for name in path.split("."):
            found = getattr(found, name)
        if not isinstance(found, FunctionType):
            raise TypeError(f"{self.target} is no plain function")
        return found

    @cached_property
    def code(self) -> Any:
        """The spoiled function's code. Raises LookupError when `old` is not there exactly once."""
        source = textwrap.dedent(inspect.getsource(self.function))
        if source.count(self.old) != 1:
            raise LookupError(f"{self.name}: {self.old!r} is {source.count(self.old)} times there")
        flags = __future__.annotations.compiler_flag
        spoiled = source.replace(self.old, self.new)
        program = compile(spoiled, f"<mutant {self.name}>", "exec", flags=flags)
        scope: dict[str, Any] = {}
        exec(program, self.function.__globals__, scope)  # noqa: S102  our own source
        return scope[self.function.__name__].__code__


@contextmanager
def spoiled(mutant: Mutant) -> Iterator[None]:
    """Run the product with `mutant` in it."""
    function, code = mutant.function, mutant.function.__code__
    function.__code__ = mutant.code
    try:
        yield
    finally:
        function.__code__ = code
