"""Commands with many options take them as one object, each field of which is an option."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, fields
from functools import wraps
from inspect import Parameter, Signature
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Options = TypeVar("Options", bound="DataclassInstance")


def takes(kind: type[Options]) -> Callable[[Callable[[Options], None]], Callable[..., None]]:
    """Make a command of a function that takes its options as one dataclass, whose fields Typer reads as it reads parameters."""
    hints = get_type_hints(kind, include_extras=True)
    parameters = []
    for field in fields(kind):
        default = field.default if field.default_factory is MISSING else field.default_factory()
        default = Parameter.empty if default is MISSING else default
        parameters.append(
            Parameter(field.name, Parameter.KEYWORD_ONLY, default=default, annotation=hints[field.name])
        )

    def decorate(run: Callable[[Options], None]) -> Callable[..., None]:
        @wraps(run)
        def command(**given: Any) -> None:
            run(kind(**given))

        command.__annotations__ = hints
        vars(command)["__signature__"] = Signature(parameters)
        return command

    return decorate
