"""Every error that a user can meet stands in one tree, from which its reference is made."""

from __future__ import annotations

import ast

from tests.style.tree import modules, read
from tillstream import errors


def test_every_error_stands_in_the_tree() -> None:
    known = {name for name in vars(errors) if isinstance(getattr(errors, name), type)}
    elsewhere = [
        f"{module.path}: {node.name}"
        for module in modules()
        if module.path.parts[0] == "tillstream" and module.path.name != "errors.py"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ClassDef) and any(ast.unparse(base) in known - {"Enum"} for base in node.bases)
    ]
    assert elsewhere == []


def test_the_drawing_has_every_error() -> None:
    drawn = (errors.__doc__ or "").split("\n\n")[1]
    kinds = [kind.__name__ for kind in vars(errors).values() if isinstance(kind, type)]
    kinds = [name for name in kinds if issubclass(getattr(errors, name), errors.TillError)]
    assert [name for name in kinds if f" {name}" not in drawn] == []
    assert read("docs/reference/errors.md").count("\n| ") == len(kinds) + 1
