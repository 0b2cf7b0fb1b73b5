"""The cases, a module a family. Every public async function in one of them is a case."""
