"""The first task: the page's own solution passes, others in other styles do, and no mutant of it does."""

from __future__ import annotations

import re

import pytest

from p2plib.labs.first_task import LAB
from tests.conftest import ROOT
from tests.labs.first_task.learners import written
from tests.labs.mutating import mutants

PAGE = (ROOT / "book/src/introduction/what-is-p2p.md").read_text("utf8")
SOLUTION = re.findall(r"```\{code-cell\} ipython3\n(async def get_carefully.*?)^```$", PAGE, re.M | re.S)[0]
SOLVED = SOLUTION.partition("\n\n\n")[0].replace("get_carefully", "get")

RIGHT = {
    "wait_for": """
async def get(friends, name):
    for friend in friends:
        try:
            picture = await asyncio.wait_for(friend.ask(name), timeout=2)
        except Exception:
            pass
        else:
            if name_of(picture) == name:
                return picture
""",
    "a helper, and a loop over numbers": """
async def try_one(friend, name):
    try:
        async with asyncio.timeout(2.0):
            return await friend.ask(name)
    except (TimeoutError, ConnectionError, EOFError):
        return b""


async def get(friends, name):
    for number in range(len(friends)):
        answer = await try_one(friends[number], name)
        if name_of(answer).hex() == name.hex():
            return answer
    return None
""",
    "recursive": """
async def get(friends, name):
    if not friends:
        return None
    try:
        picture = await asyncio.wait_for(friends[0].ask(name), 2)
    except (OSError, EOFError):
        picture = b""
    return picture if name_of(picture) == name else await get(friends[1:], name)
""",
}


@pytest.mark.parametrize("source", [SOLVED, *RIGHT.values()], ids=["the page's", *RIGHT])
def test_right_answers_of_other_styles_pass(source: str) -> None:
    assert LAB.verdict("get", written("get", source)).line.startswith("[v]")


def test_no_mutant_of_the_solution_passes() -> None:
    made = list(mutants(SOLVED))
    passed = [what for what, source in made if LAB.verdict("get", written("get", source)).is_right]
    print(f"{len(made)} mutants, {len(passed)} survive")
    assert len(made) >= 10
    # a function that ends without a return gives None
    assert len(passed) == 1
    assert "leaves out 'return None'" in passed[0]


def test_the_stub_of_the_page_is_not_written_yet() -> None:
    stub = re.findall(r"```\{code-cell\} ipython3\n(async def get\(friends.*?)^```$", PAGE, re.M | re.S)[0]
    assert LAB.verdict("get", written("get", stub)).line == "[ ] get: not written yet"


@pytest.mark.parametrize("promise", ["in order", "two seconds", "hang up", "None"])
def test_what_the_check_asks_for_stands_in_the_docstring(promise: str) -> None:
    stub = re.findall(r"```\{code-cell\} ipython3\n(async def get\(friends.*?)^```$", PAGE, re.M | re.S)[0]
    assert promise in stub
