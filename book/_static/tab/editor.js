/* A cell's code as a text that the reader can change.

   A textarea lies exactly over the coloured code, its own letters transparent: so the code stays coloured while it
   is edited, and everything that a browser does for text (undo, selection, a phone's keyboard) works by itself.

   The Tab key leaves the editor, as everywhere in a page, until the reader has typed something; from then on it
   indents, and Escape gives it back. */

const KEYWORDS = new Set(("as assert async await break class continue def del elif else except finally for from global "
  + "if import lambda nonlocal pass raise return try while with yield match case").split(" "));
const CONSTANTS = new Set(["True", "False", "None"]);
const WORD_OPERATORS = new Set(["and", "in", "is", "not", "or"]);
const BUILTINS = new Set(("abs all any bool bytearray bytes callable chr dict divmod enumerate filter float format "
  + "frozenset getattr hasattr hash hex id int isinstance issubclass iter len list map max min next object open ord pow "
  + "print property range repr reversed round set setattr slice sorted staticmethod str sum super tuple type vars zip")
  .split(" "));

/* The classes are those of the stored pages' colours, so that nothing changes colour when it is touched. */
const TOKENS = new RegExp([
  /(?<c1>#.*)/,
  /(?<s2>(?<!\w)[bfruBFRU]{0,2}(?:"""[^]*?(?:"""|(?![^]))|'''[^]*?(?:'''|(?![^]))|"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?))/,
  /(?<nd>(?<=^[ \t]*)@[\w.]+)/,
  /(?<nf>(?<=\b(?:def|class)\s+)\w+)/,
  /(?<word>(?<!\w)[A-Za-z_]\w*)/,
  /(?<mi>(?<!\w)\d[\w.]*)/,
  /(?<o>[-+*\/%=<>!&|^~@]+)/,
].map((one) => one.source).join("|"), "gm");

function wordClass(word) {
  if (KEYWORDS.has(word)) return "k";
  if (CONSTANTS.has(word)) return "kc";
  if (WORD_OPERATORS.has(word)) return "ow";
  return BUILTINS.has(word) ? "nb" : "n";
}

/* Put a text into an element, coloured. */
function colour(element, text) {
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(TOKENS)) {
    const [kind] = Object.entries(match.groups).find(([, found]) => found !== undefined);
    const span = document.createElement("span");
    span.className = kind === "word" ? wordClass(match[0]) : kind;
    span.textContent = match[0];
    parts.push(text.slice(end, match.index), span);
    end = match.index + match[0].length;
  }
  element.replaceChildren(...parts, text.slice(end), "\n");
}

export class Editor {
  /* pre: the stored code. stored: its text. label: what a screen reader calls it. helpId: the element that explains
     the keys. onChange(text), onRun(): what to do. */
  constructor(pre, stored, { label, helpId, onChange, onRun }) {
    Object.assign(this, { pre, stored, onChange, onRun, isTyping: false });
    this.coloured = [...pre.childNodes];
    this.area = document.createElement("textarea");
    Object.assign(this.area, { value: stored, spellcheck: false, wrap: "off", rows: 1 });
    for (const [name, value] of Object.entries({
      "aria-label": label, "aria-describedby": helpId, autocapitalize: "off", autocomplete: "off", autocorrect: "off",
    })) this.area.setAttribute(name, value);
    const box = document.createElement("div");
    box.className = "hb-tab-editor";
    pre.replaceWith(box);
    pre.setAttribute("aria-hidden", "true"); // the textarea says the same
    box.append(pre, this.area);
    this.area.addEventListener("input", () => { this.isTyping = true; this.changed(); });
    this.area.addEventListener("keydown", (event) => this.pressed(event));
    this.area.addEventListener("blur", () => { this.isTyping = false; });
    window.addEventListener("beforeprint", () => this.paint(this.stored)); // on paper, the page as it is stored
    window.addEventListener("afterprint", () => this.paint(this.text));
  }

  get text() {
    return this.area.value;
  }

  set text(text) {
    this.area.value = text;
    this.changed();
  }

  changed() {
    this.paint(this.text);
    this.onChange(this.text);
  }

  paint(text) {
    if (text === this.stored) this.pre.replaceChildren(...this.coloured);
    else colour(this.pre, text);
  }

  pressed(event) {
    if (event.isComposing) return;
    const isBare = !event.ctrlKey && !event.metaKey && !event.altKey;
    if (event.key === "Enter" && (event.shiftKey || event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      this.onRun();
    } else if (event.key === "Escape") this.isTyping = false;
    else if (event.key === "Tab" && isBare && this.isTyping) {
      event.preventDefault();
      if (event.shiftKey) this.outdent();
      else this.insert(this.hasSeveralLines() ? this.selectedLines().replace(/^/gm, "    ") : "    ");
    } else if (event.key === "Enter" && isBare) {
      event.preventDefault();
      const line = this.text.slice(0, this.area.selectionStart).split("\n").at(-1);
      this.insert(`\n${line.match(/^ */)[0]}${/:\s*(#.*)?$/.test(line) ? "    " : ""}`);
    }
  }

  hasSeveralLines() {
    return this.text.slice(this.area.selectionStart, this.area.selectionEnd).includes("\n");
  }

  /* Select the whole of the lines that the selection touches; their text. */
  selectedLines() {
    const { area, text } = this;
    const from = text.lastIndexOf("\n", area.selectionStart - 1) + 1;
    const to = text.indexOf("\n", Math.max(area.selectionEnd - 1, from));
    area.setSelectionRange(from, to < 0 ? text.length : to);
    return text.slice(from, to < 0 ? text.length : to);
  }

  outdent() {
    this.insert(this.selectedLines().replace(/^ {1,4}/gm, ""));
  }

  /* As if typed, so that undo takes it back. */
  insert(text) {
    this.area.focus();
    if (!document.execCommand("insertText", false, text)) {
      this.area.setRangeText(text, this.area.selectionStart, this.area.selectionEnd, "end");
      this.changed();
    }
  }
}
