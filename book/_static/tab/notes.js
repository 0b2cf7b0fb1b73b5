/* A lab's question that is answered in words: in run mode, a place to write it. */

import { make } from "./dom.js";

const STUB = "*Your answer here.*";
const joined = (text) => (Array.isArray(text) ? text.join("") : text);

class Note {
  constructor(id, source, paragraph, session) {
    Object.assign(this, { id, source, type: "markdown", text: source, ran: null, result: null, hasRun: false });
    const area = make("textarea", "hb-tab-note");
    Object.assign(area, { rows: 6, placeholder: "Your answer here." });
    area.setAttribute("aria-label", "Your answer, in words");
    paragraph.after(area);
    paragraph.classList.add("hb-tab-stub");
    const wrote = () => {
      this.text = area.value.trim() ? area.value : source;
      session.keep(this);
    };
    area.addEventListener("input", wrote);
    this.editor = { // as a code cell's
      set text(text) {
        area.value = text === source ? "" : text;
        wrote();
      },
      area,
    };
  }

  restore() {
    this.editor.text = this.source;
  }
}

export class Notes {
  constructor(notebook, session) {
    const stubs = [...document.querySelectorAll(".bd-article p > em:only-child")]
      .filter((em) => `*${em.textContent}*` === STUB).map((em) => em.parentElement);
    this.cells = notebook.cells.filter((one) => one.cell_type === "markdown" && joined(one.source).includes(STUB))
      .slice(0, stubs.length).map((one, i) => new Note(one.id, joined(one.source), stubs[i], session));
  }
}
