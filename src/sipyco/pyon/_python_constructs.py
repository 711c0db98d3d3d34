"""Words for the parts of Python that are no PYON, for error messages."""

import re

_AFTER_A_VALUE = (
    (r"\.", "attribute access"),
    (r"\(", "a call of anything but a known type"),
    (r"\[", "a subscript"),
    (r"(?:async|for)\b", "a comprehension"),
    (r"if\b", "a conditional expression"),
    (r":=", "an assignment"),
    (r"==|!=|<=|>=|<(?!<)|>(?!>)|(?:in|is|not)\b", "a comparison"),
    (r"[-+*/%@&|^]{1,2}=|<<=|>>=", "an assignment"),
    (r"=", "a keyword argument or an assignment"),
    (r"(?:and|or)\b", "a boolean operator"),
    (r"[-+]", "arithmetic (except for the sum of a real and an imaginary part)"),
    (r"[*/%@]", "arithmetic"),
    (r"[&|^]|<<|>>", "an operator"),
    (r";", "a second statement"),
)

_IN_PLACE_OF_A_VALUE = (
    (r"(?:[fF][rR]?|[rR][fF])['\"]", "an f-string"),
    (r"\w+['\"]", "such a prefix of a string"),
    (r"lambda\b", "a lambda"),
    (r"not\b", "a boolean operator"),
    (r"(?:await|yield)\b", "a coroutine"),
    (
        r"(?:import|from|def|class|del|assert|raise|return|with|while|try|global|pass)\b",
        "a statement",
    ),
    (r"\*", "a star (except for the empty set, {*()})"),
    (r"\.\.\.", "an ellipsis"),
    (r"~", "an operator"),
)


def name_construct(text: str, position: int, *, after_value: bool) -> str | None:
    """Name what somebody who knows Python meant there, if it is that.

    Args:
        text: The text.
        position: Where it stops being PYON.
        after_value: What stands there follows a complete value.
    """
    for pattern, name in _AFTER_A_VALUE if after_value else _IN_PLACE_OF_A_VALUE:
        if re.compile(pattern).match(text, position):
            return name
    return None
