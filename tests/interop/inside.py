"""What runs inside a namespace for `Namespace.run_together`: one function, arguments and result as JSON.

    python -m tests.interop.inside package.module:function < arguments.json > result.json

What the function prints goes to stderr; an exception ends it with its traceback there and status 1.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import os
import sys


def main() -> None:
    module, _, name = sys.argv[1].partition(":")
    arguments = json.load(sys.stdin)
    output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever the function prints goes to stderr: the output carries the result alone
    function = importlib.import_module(module)
    for part in name.split("."):
        function = getattr(function, part)
    result = function(*arguments)
    if inspect.iscoroutine(result):
        result = asyncio.run(result)
    json.dump(result, output)
    output.close()


if __name__ == "__main__":
    main()
