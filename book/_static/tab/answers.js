/* What the reader wrote, kept in the browser: for each cell its text, and the stored text that it was written over.

   A page changes with the book. A text is put back where its cell is still the same, wherever that cell now stands.
   Where the cell has changed, or is gone, the text is not lost: it is `old`, and offered.

   In the browser's storage: {form: 1, cells: {id: {text, over}}, old: [{text, over}]} under the page's name, and the
   functions that labs keep, {file: text}, under one name for all pages. */

export class Answers {
  /* site: the URL of the book's root. page: the page's name. onRefusal: called once if the browser keeps nothing. */
  constructor(site, page, onRefusal) {
    this.key = `handbook ${site.pathname} ${page}`;
    this.keptKey = `handbook ${site.pathname} kept`;
    this.onRefusal = onRefusal;
    this.isRefused = false;
    this.unkept = new Map(); // what the browser did not take, for as long as the page is open
  }

  /* Find out whether the browser keeps anything, before somebody relies on it. */
  probe() {
    this.put(`${this.keptKey}?`, "yes");
    this.put(`${this.keptKey}?`, null);
  }

  /* Sort what is kept by the cells of today: [{id, source}] gives {texts: Map of id to text, old: [...]}. */
  sorted(cells) {
    const kept = this.read();
    const texts = new Map();
    const old = [...kept.old];
    for (const [id, answer] of Object.entries(kept.cells)) {
      const same = cells.filter((cell) => cell.source === answer.over);
      const at = same.find((cell) => cell.id === id) ?? same.find((cell) => !texts.has(cell.id));
      if (at) texts.set(at.id, answer.text);
      else old.push(answer);
    }
    const sources = new Map(cells.map((cell) => [cell.id, cell.source]));
    const now = Object.fromEntries([...texts].map(([id, text]) => [id, { text, over: sources.get(id) }]));
    if (kept.old.length !== old.length || Object.keys(kept.cells).some((id) => now[id]?.text !== kept.cells[id].text)) {
      this.write({ ...kept, cells: now, old });
    }
    return { texts, old };
  }

  /* Keep a cell's text; the stored text itself needs no keeping. */
  keep(id, text, over) {
    const kept = this.read(); // another tab may have written meanwhile
    if (text === over) delete kept.cells[id];
    else kept.cells[id] = { text, over };
    this.write(kept);
  }

  /* An old text was used, or is not wanted. */
  drop(answer) {
    const kept = this.read();
    kept.old = kept.old.filter((one) => one.text !== answer.text || one.over !== answer.over);
    this.write(kept);
  }

  clear() {
    this.write({ form: 1, cells: {}, old: [] });
  }

  /* The functions that labs have kept, {file: text}. */
  get functions() {
    return this.parsed(this.keptKey) ?? {};
  }

  set functions(files) {
    this.put(this.keptKey, Object.keys(files).length ? JSON.stringify(files) : null);
  }

  read() {
    const kept = this.parsed(this.key);
    return kept?.form === 1 ? kept : { form: 1, cells: {}, old: [] };
  }

  write(kept) {
    const isEmpty = !Object.keys(kept.cells).length && !kept.old.length;
    this.put(this.key, isEmpty ? null : JSON.stringify(kept));
  }

  parsed(key) {
    try {
      return JSON.parse(this.unkept.get(key) ?? localStorage.getItem(key));
    } catch {
      return null;
    }
  }

  put(key, text) {
    try {
      if (text === null) localStorage.removeItem(key);
      else localStorage.setItem(key, text);
      this.unkept.delete(key);
    } catch {
      this.unkept.set(key, text ?? "null");
      const isNews = !this.isRefused;
      this.isRefused = true;
      if (isNews) this.onRefusal();
    }
  }
}
