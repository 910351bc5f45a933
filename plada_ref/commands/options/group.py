"""Groups of options: a command takes options that belong together as one value.

typer knows one parameter per option, so a command with thirty options would be a function with
thirty parameters. A group is a frozen dataclass whose fields are options. A command that has a
parameter of such a class gets the options of all its fields, and is called with an instance::

    @dataclass(frozen=True, kw_only=True)
    class ModelOptions(OptionGroup):
        model: Annotated[str, typer.Option("--model")]
        img_size: Annotated[int | None, typer.Option("--img-size")] = None

    @command
    def teach(model: ModelOptions, out: Annotated[Path, typer.Option("--out")]) -> None: ...

A command whose default or help differs declares a subclass that redefines the field.

``panel`` is the heading in ``--help`` below which the options of a class are shown. What a user
needs every day stays without one: fields named in ``everyday``, and options without which nothing
works.
"""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable
from dataclasses import MISSING, Field, dataclass, fields
from inspect import Parameter
from typing import Annotated, Any, ClassVar, TypeVar, get_args, get_type_hints

from typer.models import OptionInfo

R = TypeVar("R")


@dataclass(frozen=True, kw_only=True)
class OptionGroup:
    """Base of the groups.

    A subclass is decorated with ``@dataclass(frozen=True, kw_only=True)``. Each field is
    ``Annotated[type, typer.Option(...)]`` or ``Annotated[type, typer.Argument(...)]``, and is
    named as typer would name the parameter. typer evaluates these annotations, so their types are
    imported outside ``TYPE_CHECKING`` and are not those of torch or the like.

    Attributes:
        panel: heading of the options that this class adds; None for no heading of their own.
        everyday: names of fields of this class, or of those that it derives from, without one.
        together: heading of all options of the group, wherever they are declared.
    """

    panel: ClassVar[str | None] = None
    everyday: ClassVar[frozenset[str]] = frozenset()
    together: ClassVar[str | None] = None


def with_options_of_groups(function: Callable[..., R]) -> Callable[..., R]:
    """Return `function` as typer takes it: with a parameter per option in place of the groups.

    Required options come first, so that they lead in ``--help``; otherwise they stay in the order
    of the parameters, and of each group's fields.

    Raises:
        TypeError: if two options have one name.
    """
    hints = get_type_hints(function, include_extras=True)
    groups: dict[str, type[OptionGroup]] = {}
    options: list[Parameter] = []
    for parameter in inspect.signature(function).parameters.values():
        hint = hints[parameter.name]
        if isinstance(hint, type) and issubclass(hint, OptionGroup):
            groups[parameter.name] = hint
            options += _options_of(hint)
        else:
            options.append(parameter.replace(kind=Parameter.KEYWORD_ONLY, annotation=hint))
    options.sort(key=lambda option: option.default is not Parameter.empty)

    @functools.wraps(function)
    def wrapper(**given: Any) -> R:
        values: dict[str, Any] = {
            name: group(**{field.name: given.pop(field.name) for field in fields(group)})
            for name, group in groups.items()
        }
        return function(**values, **given)

    # inspect.signature refuses two parameters with one name, but with a ValueError that names none.
    names = [option.name for option in options]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise TypeError(f"{function.__name__} has two options called {', '.join(twice)}")
    wrapper.__dict__["__signature__"] = inspect.Signature(options)
    wrapper.__annotations__ = {option.name: option.annotation for option in options}
    return wrapper


def _options_of(group: type[OptionGroup]) -> list[Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [
        Parameter(
            field.name,
            Parameter.KEYWORD_ONLY,
            annotation=_in_panel(hints[field.name], _panel_of(group, field)),
            default=Parameter.empty if field.default is MISSING else field.default,
        )
        for field in fields(group)
    ]


def _panel_of(group: type[OptionGroup], field: Field[Any]) -> str | None:
    """Return the heading of a field: that of the class which declares it first."""
    if group.together is not None:
        return group.together
    if field.default is MISSING or any(field.name in cls.everyday for cls in _groups_of(group)):
        return None
    return next(
        cls.panel for cls in reversed(_groups_of(group)) if field.name in cls.__annotations__
    )


def _groups_of(group: type[OptionGroup]) -> list[type[OptionGroup]]:
    return [cls for cls in group.__mro__ if issubclass(cls, OptionGroup)]


def _in_panel(hint: Any, panel: str | None) -> Any:
    """Return the annotation of an option, which is shown below a heading."""
    kind, *notes = get_args(hint)
    shown = []
    for note in notes:
        if isinstance(note, OptionInfo) and note.rich_help_panel is None:
            note = copy.copy(note)  # The same option may be another group's as well.
            note.rich_help_panel = panel
        shown.append(note)
    return Annotated[kind, *shown]
