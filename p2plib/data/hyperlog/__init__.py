"""Hyperlog: a log of many writers, a graph whose nodes name the nodes they build on."""
