/* One code cell of the page: its code, its buttons, what it gave in this tab, and one line on how that compares. */

import { retire, revive } from "./controls.js";
import { button, make, say } from "./dom.js";
import { Editor } from "./editor.js";
import { inWords, show } from "./outputs.js";

const joined = (text) => (Array.isArray(text) ? text.join("") : text);
const CHECK = /^\w+ = check\("/m; // a lab's check of the cell above it
const MARK = /^\[([ xv])\] /m; // how a lab's check begins its line
const MARKS = { v: "passed", x: "not right yet", " ": "not written yet" };

export class Cell {
  /* stored: the notebook's cell. number: among the page's code cells. place: {element, bar, run} of page.js, or null
     for a cell that the page does not show. session: what the buttons call. */
  constructor(stored, number, place, session) {
    Object.assign(this, { number, place, session, id: stored.id, type: "code", text: "", ran: null, result: null });
    this.source = joined(stored.source);
    this.text = this.source;
    this.hasStored = stored.outputs.length > 0;
    this.mayRaise = stored.metadata.tags?.includes("raises-exception") ?? false;
    this.isCheck = CHECK.test(this.source);
    this.editor = null;
    if (place) this.furnish();
  }

  get name() {
    return `cell ${this.number}`;
  }

  get isChanged() {
    return this.text !== this.source;
  }

  get hasRun() {
    return this.ran === this.text;
  }

  /* Give the cell its editor, its buttons and its place for outputs. */
  furnish() {
    const { element, bar, run } = this.place;
    const pre = element.querySelector(".cell_input pre");
    this.state = make("p", "hb-tab-state");
    bar.append(this.state);
    bar.classList.add("hb-tab-live");
    if (pre) {
      this.above = button("Run above", () => this.session.runAbove(this));
      this.reset = button("Reset", () => this.session.reset(this));
      this.above.setAttribute("aria-label", `Run above: all cells above ${this.name}`);
      this.reset.setAttribute("aria-label", `Reset ${this.name}`);
      run.setAttribute("aria-label", `Run ${this.name}`);
      bar.append(this.above, this.reset);
      this.editor = new Editor(pre, this.source, {
        label: `Code of ${this.name}`,
        helpId: "hb-tab-keys",
        onChange: (text) => this.wrote(text),
        onRun: () => this.session.enter(this.id),
      });
      this.reset.hidden = true;
    }
    this.storedBox = element.querySelector(":scope > .cell_output");
    this.fold = button("Stored output", () => this.unfold(this.fold.getAttribute("aria-expanded") !== "true"));
    this.fold.classList.add("hb-tab-fold");
    this.fold.hidden = true;
    this.storedBox?.before(this.fold);
    this.label = make("p", "hb-tab-label", "In this tab");
    this.box = make("div", "cell_output hb-tab-output");
    this.box.classList.toggle("hb-tab-sentence", this.isCheck);
    this.label.hidden = this.box.hidden = true;
    element.append(this.label, this.box);
    this.tell("not run yet", "");
  }

  wrote(text) {
    if (text === this.text) return;
    this.text = text;
    this.session.keep(this);
    this.reset.hidden = !this.isChanged;
    if (!this.isBusy) this.settle();
  }

  get isBusy() {
    return ["waiting", "running"].includes(this.place?.element.dataset.tab);
  }

  /* Say how the cell stands when nothing is being done with it. */
  settle() {
    if (this.hasRun) this.judge();
    else if (this.isChanged) this.tell("changed by you, not run yet", "changed");
    else this.tell("not run yet", "");
  }

  /* One line on the cell, and what it looks like. */
  tell(text, kind) {
    if (!this.place) return;
    const isBusy = kind === "waiting" || kind === "running";
    say(this.state, this.editor || !(isBusy || kind === "" || kind === "same") ? text : "");
    this.place.element.dataset.tab = kind;
    say(this.place.run, isBusy ? "Stop" : "Run");
    this.place.run.setAttribute("aria-label", isBusy ? "Stop Python" : `Run ${this.name}`);
  }

  /* Python has gone: what the cell gave stays in sight, but nothing of it is there any more. */
  forget(why) {
    this.ran = null;
    if (this.place) retire(this.place.element);
    this.tell(this.isChanged ? `changed by you, ${why}` : why, "");
  }

  /* Take up a result; a sentence for a screen reader. */
  took(result, text) {
    this.ran = text;
    this.result = result;
    if (!this.place) return "";
    this.judge();
    const isNew = result.same !== true && (!result.lacks || result.outputs.length > 0);
    this.box.hidden = !isNew || !result.outputs.length;
    this.label.hidden = this.box.hidden || !this.hasStored;
    this.fold.hidden = !isNew || !this.storedBox;
    this.unfold(!isNew || (!this.isChanged && !this.session.hasChanges));
    if (isNew) show(this.box, result.outputs, (id) => this.session.nameOf(id));
    else this.box.replaceChildren();
    this.wakeControls(isNew);
    if (!this.hasRun) this.settle(); // the reader went on writing while it ran
    return `${this.name}: ${this.state.textContent || "same bytes"}. ${isNew ? inWords(result.outputs) : ""}`;
  }

  /* Say how the result compares with what is stored. */
  judge() {
    const { result } = this;
    if (!this.place) return;
    const time = result.seconds >= 1 ? `, ${result.seconds.toFixed(1)} s` : "";
    const mark = this.isCheck && result.outputs.map((one) => joined(one.text ?? "")).join("").match(MARK);
    if (result.lacks) this.tell(result.lacks, "lacks");
    else if (result.error && result.same !== true) {
      this.tell(`${this.isChanged ? "changed by you: " : ""}${result.error}`, "error");
    } else if (result.same) this.tell((this.hasStored ? "same bytes" : "run; it prints nothing") + time, "same");
    else if (mark) this.tell(MARKS[mark[1]] + time, mark[1] === "v" ? "same" : "changed");
    else if (result.same === null) this.tell(`changed by you${time}`, "changed");
    else if (this.session.hasChanges) this.tell(`differs, after your change in another cell${time}`, "changed");
    else this.tell(`differs from the stored output${time}`, "differs");
  }

  unfold(isOpen) {
    this.fold.setAttribute("aria-expanded", String(isOpen));
    if (this.storedBox) this.storedBox.hidden = !isOpen;
  }

  /* The controls of this cell can recompute from now on: those in the page, or those of the new output. */
  wakeControls(isNew) {
    const inResult = make("template", "");
    inResult.innerHTML = (this.result.outputs ?? []).map((one) => joined(one.data?.["text/html"] ?? "")).join("");
    const ids = [...inResult.content.querySelectorAll("[data-figure]")].map((one) => one.dataset.figure);
    const figures = [...((isNew ? this.box : this.storedBox)?.querySelectorAll("figure.hb-control") ?? [])];
    retire(this.place.element);
    for (const [i, id] of ids.entries()) if (figures[i]) revive(figures[i], id, this.session.engine);
  }

  /* As the page has it. */
  restore() {
    this.ran = this.result = null;
    if (!this.place) return;
    if (this.editor) this.editor.text = this.source;
    this.box.replaceChildren();
    this.box.hidden = this.label.hidden = this.fold.hidden = true;
    this.unfold(true);
    retire(this.place.element);
    this.tell("not run yet", "");
  }
}
