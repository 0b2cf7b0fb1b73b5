"""Logs: what one author signs, entry after entry, so that nobody can change it unseen."""
