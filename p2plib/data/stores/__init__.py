"""Stores: ordered key-value stores and blob stores behind two small interfaces."""
