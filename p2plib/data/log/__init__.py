"""Logs: what one author signs, entry after entry, so that nobody can change it unseen.

formats      what a log needs of a format; the rules of a chain
classic      Scuttlebutt's message: a codec        } its rules of validity are in `validate`,
entry        our own, whose content can be erased  } and `quick_json` is a short cut for both
feed         one author's log in a store           } `intake` stands in front of it for early entries
forks        the proof that an author signed two versions
writer       the author's side: append, and never fork by accident
erasable     contents beside the chain, which can be forgotten
devices      several devices of one person, a log for each
"""
