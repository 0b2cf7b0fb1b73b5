"""What learners of lab 8 wrote for the store and for the capstone; see `trees` beside this."""

# ruff: noqa: E501  # a learner's cell, as a change of the right one, is a line here

from __future__ import annotations

from tests.labs.lab08_content.learners.trees import _but

NEEDED = "        needed = {name for file in self.files for name in file}\n        for name in set(recipe) - needed:\n            del self.disk[name]\n"
DAMAGED = '            if hashlib.sha256(self.disk[name]).digest() != name:\n                raise ValueError("the disk has changed a chunk")\n'
NONE_SUCH = (
    '        if tuple(recipe) not in self.files:\n            raise NotFound("no such file is here")\n'
)
STORE = [
    _but("ChunkStore", "no recipe", "is a return missing?", "        return recipe\n", ""),
    _but("ChunkStore", "hex", "SHA-256 (digest)", "hashlib.sha256(chunk).digest() for", "hashlib.sha256(chunk).hexdigest() for"),
    _but("ChunkStore", "one name for the file", "of each chunk of cut(data)", "chunks = cut(data)", "chunks = [data]"),
    _but("ChunkStore", "equal chunks", "of each chunk of cut(data)", "cut(data)", "[data[i:i + 256] for i in range(0, len(data), 256)]"),
    _but("ChunkStore", "each chunk once in the recipe", "also where two are the same", "for chunk in chunks]", "for chunk in dict.fromkeys(chunks)]"),
    _but("ChunkStore", "a disk of its own", "all chunks are in the disk", "self.disk = disk", "self.disk = {}"),
    _but("ChunkStore", "get gives nothing", "is a return missing?", '        return b"".join', '        b"".join'),
    _but("ChunkStore", "gets them sorted", "in the recipe's order", "for name in recipe)", "for name in sorted(recipe))"),
    _but("ChunkStore", "no hash when it reads", "hash each chunk when you read it", DAMAGED, ""),
    _but("ChunkStore", "damage is NotFound", "no longer hashes to its name is a ValueError", 'ValueError("the disk', 'NotFound("the disk'),
    _but("ChunkStore", "KeyError", "see whether the name is on the disk", '            if name not in self.disk:\n                raise NotFound("a chunk is not there")\n', ""),
    _but("ChunkStore", "removes all its chunks", "a chunk goes only when no other file needs it", "set(recipe) - needed", "set(recipe)"),
    _but("ChunkStore", "removes nothing", "leaves the disk", NEEDED, ""),
    _but("ChunkStore", "each file once", "put twice must be removed twice", "self.files.append(tuple(recipe))", "self.files.append(tuple(recipe)) if tuple(recipe) not in self.files else None"),
    _but("ChunkStore", "forgets both", "put twice must be removed twice", "self.files.remove(tuple(recipe))", "self.files = [one for one in self.files if one != tuple(recipe)]"),
    _but("ChunkStore", "removes strangers", "before you touch a chunk", NONE_SUCH, "", "        self.files.remove(tuple(recipe))", "        if tuple(recipe) in self.files:\n            self.files.remove(tuple(recipe))", "del self.disk[name]", "self.disk.pop(name, None)"),
    _but("ChunkStore", "an error for strangers", "NotFound if it is none", NONE_SUCH, ""),
    _but("ChunkStore", "gives its own list away", "keep a copy, tuple(recipe)", "append(tuple(recipe))", "append(recipe)", "remove(tuple(recipe))", "remove(list(recipe))", "if tuple(recipe) not", "if list(recipe) not"),
    _but("ChunkStore", "files in the class", "make lists, dicts and sets in __init__", "        self.files = []\n", "", '    """Files in chunks, each chunk once."""\n', '    """Files in chunks, each chunk once."""\n    files = []\n'),
    _but("ChunkStore", "does not repair", "even over a damaged one", "self.disk.update(zip(recipe, chunks))", "for name, chunk in zip(recipe, chunks):\n            self.disk.setdefault(name, chunk)"),
    ("ChunkStore", "counts each time, takes off once", """
class ChunkStore:
    def __init__(self, disk):
        self.disk, self.count = disk, {}
    def put(self, data):
        recipe = []
        for chunk in cut(data):
            recipe.append(hashlib.sha256(chunk).digest())
            self.disk[recipe[-1]] = chunk
            self.count[recipe[-1]] = self.count.get(recipe[-1], 0) + 1
        return recipe
    def get(self, recipe):
        return b"".join(self.disk[name] for name in recipe)
    def remove(self, recipe):
        for name in set(recipe):
            self.count[name] -= 1
            if not self.count[name]:
                del self.disk[name]
""", "several times"),
    _but("ChunkStore", "deletes a chunk twice", "several times", "for name in set(recipe) - needed", "for name in [one for one in recipe if one not in needed]"),
    ("ChunkStore", "counts once a file, takes off each time", """
class ChunkStore:
    def __init__(self, disk):
        self.disk, self.count = disk, {}
    def put(self, data):
        recipe = []
        for chunk in cut(data):
            recipe.append(hashlib.sha256(chunk).digest())
            self.disk[recipe[-1]] = chunk
        for name in set(recipe):
            self.count[name] = self.count.get(name, 0) + 1
        return recipe
    def get(self, recipe):
        return b"".join(self.disk[name] for name in recipe)
    def remove(self, recipe):
        for name in recipe:
            self.count[name] -= 1
            if self.count[name] <= 0:
                self.disk.pop(name, None)
""", "put and remove alike"),
]  # fmt: skip

ASKED = "            entries = await ask(peer, peer.entries(first, last))\n"
MIRROR = [
    _but("mirror", "no return", "is a return missing?", "    return log, pictures, liars", "    log, pictures, liars"),
    _but("mirror", "forgets the shorter chunk", "the last may be shorter", "-(-size // CHUNK)", "size // CHUNK"),
    _but("mirror", "counts places from 1", "places count from 0", "peer.chunk(root, len(chunks))", "peer.chunk(root, len(chunks) + 1)"),
    _but("mirror", "forgets await", "is an await missing?", "return await question", "return question"),
    _but("mirror", "patience begins again", "keep that patience", "        while len(chunks) < count and root not in pictures:\n", "        while len(chunks) < count and root not in pictures:\n            patience_s = 0.5 if not chunks or len(chunks) != seen else patience_s\n            seen = len(chunks)\n"),
    _but("mirror", "two things", "return three things", "    return log, pictures, liars", "    return log, pictures"),
    _but("mirror", "a list of liars", "a list, a dict and a set", "    return log, pictures, liars", "    return log, pictures, list(liars)"),
    _but("mirror", "blames objects", "a set of names: peer.name", "liars.add(peer.name)", "liars.add(peer)"),
    _but("mirror", "asks only the first", "another does", "    for peer in peers:\n", "    for peer in peers[:1]:\n"),
    _but("mirror", "believes the feed", "let accept decide", "            log, _ = accept(author, log, entries)\n", "            log = [*log, *entries]\n", "log[first - 1 :] != entries", "False"),
    _but("mirror", "believes the chunk", "only if proven says so", "if proven(root, count, len(chunks), *answer):", "if True:"),
    _but("mirror", "believes the proof's own place", "only if proven says so", "proven(root, count, len(chunks), *answer)", "any(proven(root, count, i, *answer) for i in range(count))"),
    _but("mirror", "waits for the slow", "do not wait for the slow one", "patience_s = list(peers), 0.5", "patience_s = list(peers), 20"),
    _but("mirror", "waits for entries", "asyncio.timeout around each question", "await ask(peer, peer.entries(first, last))", "await peer.entries(first, last)"),
    _but("mirror", "no end to waiting", "do not wait for the slow one", "patience_s = list(peers), 0.5", "patience_s = list(peers), None", "patience_s *= 2", "pass", "if patience_s > 60", "if False"),
    _but("mirror", "crashes at a hang-up", "that hangs up is asked no more", "except (NotFound, ConnectionError)", "except NotFound"),
    _but("mirror", "lets NotFound out", "another has", "except (NotFound, ConnectionError)", "except ConnectionError"),
    _but("mirror", "never gives up", "so raise NotFound", "                if patience_s > 60:\n                    raise NotFound(\"nobody is left that has it\")\n", "                await asyncio.sleep(1)\n"),
    _but("mirror", "gives up quietly", "an unfinished picture is no picture", "raise NotFound(\"nobody is left that has it\")", "return log, pictures, liars"),
    _but("mirror", "lets TimeoutError out", "a peer that is late is asked later", "        except TimeoutError:\n            queue.append(peer)\n", "", "except (NotFound, ConnectionError)", "except (NotFound, ConnectionResetError)"),
    _but("mirror", "the slow one stays in front", "do not wait for the slow one", "            queue.append(peer)", "            return None"),
    _but("mirror", "gives the slow one up", "asked last, not never", "            queue.append(peer)", "            pass"),
    _but("mirror", "blames nobody", "did not blame", "liars.add(peer.name)", "pass"),
    _but("mirror", "forgives", "did not blame", "                blame(peer)\n            else:", "                queue.append(queue.pop(0))\n            else:"),
    _but("mirror", "blames the late", "has not lied", "            queue.append(peer)", "            queue.append(peer)\n            liars.add(peer.name)"),
    _but("mirror", "blames the one that is gone", "has not lied", "        except (NotFound, ConnectionError):  # it is no use any more\n            pass", "        except NotFound:\n            pass\n        except ConnectionError:\n            liars.add(peer.name)"),
    _but("mirror", "blames the one that lags", "has not lied", "        except (NotFound, ConnectionError):  # it is no use any more\n            pass", "        except NotFound:\n            liars.add(peer.name)\n        except ConnectionError:\n            pass"),
    _but("mirror", "the same picture again", "posted twice", " and root not in pictures", ""),
    _but("mirror", "everything from everybody", "three that send the same", "            for peer in list(queue):\n", "            await asyncio.gather(*(ask(one, one.chunk(root, len(chunks))) for one in list(queue)))\n            for peer in list(queue):\n"),
    _but("mirror", "begins again after a bad chunk", "only what it spoilt", "                blame(peer)\n            else:", "                blame(peer)\n                chunks.clear()\n            else:"),
    _but("mirror", "believes the boast", "asked no more", "            if not entries or log", "            if log", "log[first - 1 :] != entries:", "entries and log[first - 1 :] != entries:"),
    _but("mirror", "leaves tasks behind", "await what you start", "    return log, pictures, liars", "    asyncio.ensure_future(peers[0].count())\n    return log, pictures, liars"),
    _but("mirror", "chunks out of order", "in their order", "chunks.append(answer[0])", "chunks.append(answer[0])", 'b"".join(chunks)', 'b"".join(chunks[::-1])'),
    _but("mirror", "chunks not joined", "the joined chunks", 'b"".join(chunks)', "chunks"),
    _but("mirror", "roots in hex", "under its root", "setdefault(root,", "setdefault(root.hex(),"),
    _but("mirror", "all at once in a group", "catch it inside the task", "    for peer in peers:\n        theirs", "    async with asyncio.TaskGroup() as group:\n        for peer in peers:\n            group.create_task(peer.chunk(bytes(32), 0))\n    for peer in peers:\n        theirs"),
    _but("mirror", "sleeps for real", "stops every peer at once", "            for peer in list(queue):\n", "            for peer in list(queue):\n                __import__('time').sleep(0.1)\n"),
    _but("mirror", "not async", "write async def", "async def mirror", "def mirror_(): pass\n\nasync def _mirror", "    return log, pictures, liars\n", "    return log, pictures, liars\n\ndef mirror(author, peers):\n    return [], {}, set()\n"),
]  # fmt: skip

PROGRAMS = [*STORE, *MIRROR]
