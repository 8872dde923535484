"""Files are named for what is in them, names live in one place, and public ones promise something."""

from __future__ import annotations

import ast
import re

from tests.style.tree import Module, files, modules

REFUSED = re.compile(r"(^|_)(utils?|common|helpers?|misc|stuff)(_|$)")


def public_definitions(module: Module) -> list[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    return [
        node
        for node in module.tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_")
    ]


def test_no_file_is_named_for_nothing() -> None:
    assert [str(path) for path in files() if any(REFUSED.search(part.split(".")[0]) for part in path.parts)] == []


def test_only_the_package_itself_hands_on_names_of_others() -> None:
    handed_on = []
    for module in modules():
        if module.path.name == "__init__.py" and module.path.parts != ("tillstream", "__init__.py"):
            imports = [node for node in module.tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
            handed_on += [f"{module.path}:{node.lineno}" for node in imports if "__future__" not in ast.unparse(node)]
    assert handed_on == []


def test_nothing_is_imported_with_a_star() -> None:
    stars = [
        f"{module.path}:{node.lineno}"
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names)
    ]
    assert stars == []


def test_every_public_class_and_function_says_what_it_promises() -> None:
    silent = [
        f"{module.path}:{node.lineno} {node.name}"
        for module in modules()
        if module.is_public
        for node in public_definitions(module)
        if not ast.get_docstring(node)
    ]
    assert silent == []


def test_no_docstring_only_says_the_name_again() -> None:
    empty = []
    for module in modules():
        for node in public_definitions(module):
            words = re.findall(r"[a-z]+", (ast.get_docstring(node) or "").lower())
            name = re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", node.name).lower())
            if words and [word for word in words if word not in ("a", "an", "the")] == name:
                empty.append(f"{module.path}:{node.lineno} {node.name}")
    assert empty == []


def test_every_module_says_what_it_is_for() -> None:
    assert [
        str(module.path) for module in modules() if module.text.strip() and not ast.get_docstring(module.tree)
    ] == []
