"""Learners' programs for lab 6's capstone, each the solved one with something changed."""

from __future__ import annotations

from tests.labs.mutating import answers, but

RIGHT = answers("lab06_kademlia")["Villager"]
FOLLOWS_ONE_PATH = """
            seen = set()
            for _ in range(25):
                batch = closest(key, [one for one in known if one not in seen], 3)
                if not batch:
                    break
                answers = await ask_and_note(batch)
                seen.update(batch)
                for contact in answers:
                    if not isinstance(answers[contact], bytes):
                        known = list({*known, *answers[contact]})
                    elif key_of(answers[contact]) == key:
                        return answers[contact]
            raise NotFound("nobody has it")
"""
FETCHES = "            return await fetch(key, known, ask_and_note)\n"
LISTS = """
class Villager:
    def __init__(self, own_id, start):
        self.known = list(start)
    def heard(self, contact):
        if contact not in self.known:
            self.known.append(contact)
    async def fetch(self, key, ask):
        return await fetch(key, closest(key, self.known, 20), ask)
"""

# (task, what the learner did, the cell, words of the hint)
ANSWERS = [
    (
        "Villager",
        "learns nothing",
        LISTS.replace("self.known.append(contact)", "pass"),
        "only a caller can lead you in",
    ),
    (
        "Villager",
        "does not care who calls",
        but(RIGHT, "self.callers.setdefault(network, contact)", "pass"),
        "only a caller can lead you in",
    ),
    (
        "Villager",
        "takes in whoever calls",
        but(RIGHT, "self.callers.setdefault(network, contact)", "self.table.heard(contact)"),
        "anybody can forge a sender's address",
    ),
    (
        "Villager",
        "asks everybody that calls",
        but(RIGHT, "if len(self.callers) < 4:", "if True:"),
        "20 is the most",
    ),
    (
        "Villager",
        "asks as many callers as go into a question",
        but(RIGHT, "if len(self.callers) < 4:", "if len(self.callers) < 20:"),
        "ask a few callers after each fetch",
    ),
    (
        "Villager",
        "forgets nobody",
        but(RIGHT, "self.table.silent(contact)", "pass"),
        "tell it who was silent",
    ),
    (
        "Villager",
        "forgets everybody in the outage",
        but(RIGHT, "if answered:", "if True:"),
        "if nobody at all answers, it is you",
    ),
    (
        "Villager",
        "lets one network take all the places of callers",
        but(RIGHT, "setdefault(network, contact)", "setdefault(contact, contact)"),
        "of those that call from one network, ask one",
    ),
    ("Villager", "keeps a list", LISTS, "churn (40 of 300 leave"),
    ("Villager", "follows one path", but(RIGHT, FETCHES, FOLLOWS_ONE_PATH), "several paths"),
    (
        "Villager",
        "asks those whom it knows, and nobody whom they name",
        but(
            RIGHT,
            FETCHES,
            "            answers = await ask_and_note(known)\n"
            "            for answer in answers.values():\n"
            "                if isinstance(answer, bytes):\n                    return answer\n"
            "            raise NotFound('nobody has it')\n",
        ),
        "let fetch follow them",
    ),
    (
        "Villager",
        "believes the first bytes",
        but(
            RIGHT,
            FETCHES,
            "            for _ in range(6):\n"
            "                for answer in (await ask_and_note(known[:3])).values():\n"
            "                    if isinstance(answer, bytes):\n                        return answer\n"
            "                    known = [*known, *answer]\n"
            "                    known = closest(key, list(dict.fromkeys(known)), 20)\n"
            "                known = [one for one in known if one not in answered and one not in silent]\n"
            "                if not known:\n                    break\n"
            "            raise NotFound('nobody')\n",
        ),
        "compare key_of(value) with the key",
    ),
    (
        "Villager",
        "returns None where it found nothing",
        but(
            RIGHT,
            "        finally:\n",
            "        except NotFound:\n            return None\n        finally:\n",
        ),
        "raise NotFound where nobody has it",
    ),
    (
        "Villager",
        "asks again itself",
        but(
            RIGHT,
            FETCHES,
            "            for _ in range(2):\n                await ask_and_note(known[:3])\n" + FETCHES,
        ),
        "remember whom you asked",
    ),
    (
        "Villager",
        "forgets the await",
        but(RIGHT, "answers = await ask(batch)", "answers = ask(batch)"),
        "TypeError",
    ),
]
