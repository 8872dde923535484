"""Files, functions and blocks stay small enough to be read."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.style.tree import Module, files, modules, read

MODULE_LINES = 300
FUNCTION_LINES = 60
ARGUMENTS = 5
NESTING = 3
MAKEFILE_LINES = 100
MODEL_LINES = 80

Function = ast.FunctionDef | ast.AsyncFunctionDef
BLOCKS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.Match)


def functions() -> Iterator[tuple[Module, Function]]:
    for module in modules():
        for node in ast.walk(module.tree):
            if isinstance(node, Function):
                yield module, node


def arguments(function: Function) -> list[str]:
    spelled = function.args
    names = [argument.arg for argument in (*spelled.posonlyargs, *spelled.args, *spelled.kwonlyargs)]
    return [name for name in names if name not in ("self", "cls")]


def is_command(function: Function) -> bool:
    """A command's parameters are its options: the reader meets them as `--help`, not as a call."""
    return any("command" in ast.unparse(decorator) for decorator in function.decorator_list)


def depth(node: ast.AST, inside: int = 0) -> int:
    deepest = inside
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function | ast.Lambda | ast.ClassDef):
            continue
        is_elif = isinstance(node, ast.If) and isinstance(child, ast.If) and node.orelse == [child]
        deepest = max(deepest, depth(child, inside + (isinstance(child, BLOCKS) and not is_elif)))
    return deepest


def test_no_module_is_longer_than_a_sitting() -> None:
    long = [f"{m.path}: {len(m.text.splitlines())}" for m in modules() if len(m.text.splitlines()) > MODULE_LINES]
    assert long == []


def test_no_function_is_longer_than_a_screen() -> None:
    long = []
    for module, function in functions():
        lines = (function.end_lineno or 0) - function.lineno + 1
        if lines > FUNCTION_LINES:
            long.append(f"{module.path}:{function.lineno} {function.name}: {lines}")
    assert long == []


def test_no_function_takes_more_than_five_arguments() -> None:
    greedy = [
        f"{module.path}:{function.lineno} {function.name}: {len(arguments(function))}"
        for module, function in functions()
        if len(arguments(function)) > ARGUMENTS and not is_command(function)
    ]
    assert greedy == []


def test_no_block_is_nested_deeper_than_three() -> None:
    deep = [
        f"{module.path}:{function.lineno} {function.name}: {depth(function)}"
        for module, function in functions()
        if depth(function) > NESTING
    ]
    assert deep == []


def test_the_makefile_stays_a_list_of_verbs() -> None:
    assert len(read("Makefile").splitlines()) <= MAKEFILE_LINES


def test_no_model_is_longer_than_two_screens() -> None:
    long = [
        f"{path}: {len(read(path).splitlines())}"
        for path in files()
        if path.parts[:2] == ("dbt", "models") and path.suffix == ".sql" and len(read(path).splitlines()) > MODEL_LINES
    ]
    assert long == []
