/* A page's notebook with the reader's cells in it: out as a file, and in again. */

const joined = (text) => (Array.isArray(text) ? text.join("") : text);
const inLines = (text) => text.match(/[^\n]*\n|[^\n]+/g) ?? [];

/* The first function or class that a text defines, which is what a task is called by. */
export function defines(source) {
  return source.match(/^(?:async )?(?:def|class) (\w+)/m)?.[1];
}

/* An output as nbformat wants it, without what the page's own controls needed. */
function stored(output) {
  const { output_type } = output;
  if (output_type === "stream") return { output_type, name: output.name, text: inLines(joined(output.text)) };
  if (output_type === "error") {
    return { output_type, ename: output.ename, evalue: output.evalue, traceback: output.traceback ?? [] };
  }
  const data = Object.fromEntries(Object.entries(output.data).map(([kind, value]) => [
    kind, typeof value === "string" ? inLines(value.replace(/ data-figure="[^"]*"/g, "")) : value,
  ]));
  const made = { output_type, data, metadata: output.metadata ?? {} };
  return output_type === "execute_result" ? { ...made, execution_count: output.execution_count ?? null } : made;
}

/* The notebook as text. original: as the site has it. cells: {id, source, text, outputs} for each cell, where
   outputs is what the cell gave in the tab, or null if it has not run there as it stands. */
export function written(original, cells) {
  const notebook = structuredClone(original);
  const byId = new Map(cells.map((cell) => [cell.id, cell]));
  for (const one of notebook.cells) {
    const cell = byId.get(one.id);
    if (!cell) continue;
    if (cell.text !== cell.source) one.source = inLines(cell.text);
    if (one.cell_type !== "code") continue;
    if (cell.outputs) one.outputs = cell.outputs.map(stored);
    else if (cell.text !== cell.source) one.outputs = [];
  }
  return `${JSON.stringify(notebook, null, 1)}\n`;
}

/* What a notebook's file says about the cells of this page: a Map of id to text, and how many of its own cells have
   no place here. It may be a file that this page has written, JupyterLab's, or the one that a class hands out.
   Throws an Error with a sentence if it is no notebook. */
export function read(text, cells) {
  let notebook;
  try {
    notebook = JSON.parse(text);
  } catch {
    throw new Error("That file is not a notebook.");
  }
  if (notebook?.nbformat !== 4 || !Array.isArray(notebook.cells)) throw new Error("That file is not a notebook.");
  const texts = new Map();
  let homeless = 0;
  for (const one of notebook.cells) {
    const source = joined(one.source ?? "");
    const open = cells.filter((cell) => cell.type === one.cell_type && !texts.has(cell.id));
    const name = defines(source);
    const at = open.find((cell) => cell.source === source)
      ?? open.find((cell) => name && defines(cell.source) === name)
      ?? open.find((cell) => cell.id === one.id && !name && !defines(cell.source));
    if (at) texts.set(at.id, source);
    else if (one.cell_type === "code" && source.trim()) homeless += 1;
  }
  return { texts, homeless };
}

/* Have the browser save a text as a file. */
export function save(name, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/x-ipynb+json" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
