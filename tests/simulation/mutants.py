"""Bugs put into the real code on purpose: a checker that never fails proves nothing.

A mutant names a function of the product and replaces a piece of its source by a wrong one, in the
running program only. The simulator must notice each of them within a bounded number of seeds, and
one that does not fit the code any more is an error, not a mutant that nobody noticed.
"""

from __future__ import annotations
import __future__

import inspect
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from importlib import import_module
from types import CodeType, FunctionType
from typing import Any

import msgspec

from tests.simulation.options import Options, expand


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
    world: dict[str, Any] = {}
    """Options of a world in which it matters, where a seed's own dice seldom make one."""
    also: tuple[tuple[str, str, str], ...] = ()
    """Target, old and new of guards behind this one, without which it would change nothing."""

    def options(self, seed: int) -> Options:
        """Return the world of `seed` in which this mutant is looked for."""
        options = expand(seed, drills=self.drills)
        changes = {**self.world, **({"drill": self.drill} if self.drill else {})}
        return msgspec.structs.replace(options, **changes)

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
    def code(self) -> CodeType:
        """The spoiled function's code.

        Raises LookupError when `old` is not there exactly once, or the spoiled function would need
        other variables of the function around it than the true one has.
        """
        source = textwrap.dedent(inspect.getsource(self.function))
        if source.count(self.old) != 1:
            raise LookupError(f"{self.name}: {self.old!r} is {source.count(self.old)} times there")
        spoiled = source.replace(self.old, self.new)
        around = self.function.__code__.co_freevars
        if around:  # its cells are given by position, so the same names must be free again
            names = ", ".join(around)
            spoiled = f"def around({names}):\n{textwrap.indent(spoiled, '    ')}"
            spoiled += f"    return {self.function.__name__}\n"
        flags = __future__.annotations.compiler_flag
        program = compile(spoiled, f"<mutant {self.name}>", "exec", flags=flags)
        scope: dict[str, Any] = {}
        exec(program, self.function.__globals__, scope)  # noqa: S102  our own source
        made = scope["around"](*around) if around else scope[self.function.__name__]
        if not isinstance(made, FunctionType) or made.__code__.co_freevars != around:
            raise LookupError(f"{self.name}: a decorator, or other names than {around} from around")
        return made.__code__


@contextmanager
def spoiled(mutant: Mutant) -> Iterator[None]:
    """Run the product with `mutant` in it."""
    pieces = [mutant, *(Mutant(mutant.name, *piece) for piece in mutant.also)]
    codes = {piece.function: (piece.function.__code__, piece.code) for piece in pieces}
    if len(codes) < len(pieces):
        raise LookupError(f"{mutant.name} spoils a function twice; say it in one piece")
    for function, (_, code) in codes.items():
        function.__code__ = code
    try:
        yield
    finally:
        for function, (code, _) in codes.items():
            function.__code__ = code
