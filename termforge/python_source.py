"""Python that somebody else wrote, read and never run."""

import ast

Tree = ast.Module
Function = ast.FunctionDef | ast.AsyncFunctionDef


def parsed(source: str | bytes) -> Tree:
    """Its tree.

    Raises: SyntaxError for whatever cannot be read: also for NUL bytes, and for what is nested too deeply.
    """
    try:
        return ast.parse(source)
    except (ValueError, RecursionError, MemoryError) as error:
        raise SyntaxError(str(error) or type(error).__name__) from None


def called(call: ast.Call) -> str:
    """The last part of the name."""
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
