"""Where a key stands in a TOML text, in every form that TOML has."""

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from supervise.core.lines import locate, nearest_line

TEXT = '''# comment with [table] and a = 1
a = 1
"quoted = key" = "x # no comment"
b.c . "d" = [ 1, # one
  [2,
   3], { e = 4 }
]
f = """
g = 5
\\"""
"""
h = \'\'\'
i = 6\'\'\'
[j]
k = 2020-01-01 00:00:00
[[l]]
m = 1
[l.n]
o = 1
[[l]]
m = 2
[l.n]
o = 2
[p."q.r"]
s = \'\'
'''


def test_every_form() -> None:
    tomllib.loads(TEXT)
    found = locate(TEXT)
    assert {path: found[path] for path in found if len(path) == 1} == {
        ("a",): 2,
        ("quoted = key",): 3,
        ("b",): 4,
        ("f",): 8,
        ("h",): 12,
        ("j",): 14,
        ("l",): 16,
        ("p",): 24,
    }
    assert found["b", "c", "d", 1, 1] == 6
    assert found["b", "c", "d", 2, "e"] == 6
    assert found["j", "k"] == 15
    assert (found["l", 0, "m"], found["l", 0, "n", "o"]) == (17, 19)
    assert (found["l", 1, "m"], found["l", 1, "n", "o"]) == (21, 23)
    assert found["p", "q.r", "s"] == 25


def test_what_does_not_stand_there_is_where_its_table_is() -> None:
    found = locate("[a]\nb = 1\n")
    assert nearest_line(found, ("a", "c")) == 1
    assert nearest_line(found, ("x",)) is None


_KEYS = st.text("abc-_", min_size=1, max_size=3)
_SCALARS = st.sampled_from(
    ["1", "true", '"#]}="', "'\\'", '"""\n\n"""', "[ # ]\n1,\n]", "{ z = 1 }"]
)


@given(st.lists(st.tuples(_KEYS, _SCALARS), unique_by=lambda pair: pair[0]))
def test_every_key_is_found_on_its_own_line(pairs: list[tuple[str, str]]) -> None:
    lines, expected, line = [], {}, 1
    for key, value in pairs:
        expected[key] = line
        lines.append(f"{key} = {value}\n")
        line += lines[-1].count("\n")
    text = "".join(lines)
    tomllib.loads(text)
    found = locate(text)
    assert {path[0]: at for path, at in found.items() if len(path) == 1} == expected
