"""What `tools/notebooks.py` and `tools/classroom.py` are made of: from an author's text to notebooks.

    source.py    where texts and notebooks lie; the front matter and its rules; text into cells
    card.py      the card and the "you are here" drawing that the front matter stands for
    labs.py      one lab, three products: the learner's notebook, the solved one, the class's assignment
    stale.py     which notebook is no longer what its text and the library would give, and why
    lock.py      the file in which that is written for each notebook, notebooks.lock
    library.py   the modules of p2plib behind a notebook, and the pieces whose source it shows
    names.py     what the names in some code were imported as
    syntax.py    a program as what it does: without comments, docstrings and layout
    execute.py   cells into outputs, the same bytes each time
    build.py     the road through all of these, for one notebook

Vocabulary: a *text* is a file that an author writes (`book/src/identity/keys.md`), a *product* is a
notebook that is made from it, a *document* is a text by its short name (`identity/keys`,
`labs/lab01_identity`), as `needs:` writes it.
"""


class TextError(Exception):
    """A text breaks a rule of its format; the message names the file, its line and the rule."""
