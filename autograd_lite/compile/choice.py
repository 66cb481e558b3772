"""A choice between two numbers in machine code, without a branch.

numba takes more than linear time for branches: 400 of them in a row compile in a minute, and 400
choices in a second. Only code that numba compiles imports this.
"""

from typing import Any

from numba.core import types
from numba.extending import intrinsic


def _pick(context: Any, condition: Any, a: Any, b: Any) -> Any:
    """Return `a` if a condition holds, else `b`."""
    kind = context.unify_types(a, b)

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        held, *both = (
            context.cast(builder, value, given, wanted)
            for value, given, wanted in zip(
                values, signature.args, (types.boolean, kind, kind), strict=True
            )
        )
        return builder.select(held, *both)

    return kind(condition, a, b), generate


pick = intrinsic(_pick)
