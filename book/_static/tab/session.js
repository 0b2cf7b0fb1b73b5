/* The run mode of one page: Python, the cells in their order, and what the reader's buttons do.

   A cell is run after all cells above it that have not run as they stand. Stopping ends Python, since nothing else can
   end a loop that never ends; what ran before counts as not run from then on. */

import { Answers } from "./answers.js";
import { Cell } from "./cell.js";
import { button, make, say } from "./dom.js";
import { Engine, Stopped } from "./engine.js";
import { read, save, written } from "./notebook.js";
import { Notes } from "./notes.js";
import { offerOld } from "./old.js";

const LONG_S = 20; // a cell that runs longer may never end, and the reader is told so
const STOPPED = "not run since Python was stopped";
const KEYS = "Shift and Enter runs the cell. While you type, Tab indents; press Escape first, and Tab leaves.";

export class Session {
  /* page: see page.js. */
  constructor(page) {
    this.page = page;
    this.engine = new Engine(new URL("_static/tab/", page.site), (progress) => this.progressed(progress));
    this.answers = new Answers(page.site, page.name, () => this.announceReady());
    this.opening = null; // the promise of Python, once asked for
    this.isReady = false;
    this.line = []; // the cells that are to be run
    this.current = null;
    this.hasChanges = false; // whether a changed cell has run since Python started
    this.buildStatus();
  }

  /* ---- Coming in -------------------------------------------------------------------------------------------- */

  /* A button was pressed: of a cell, or, with null, the one at the top. */
  async enter(id) {
    const { isReady } = this;
    this.opening ??= this.open();
    if (!await this.opening) return;
    if (id === null) {
      if (isReady) this.queue(this.cells);
      return;
    }
    const cell = this.cells.find((one) => one.id === id);
    if (this.line.includes(cell) || this.current === cell) await this.stop();
    else this.runTo(cell);
  }

  /* Fetch the notebook, start Python, make the cells editable; whether it worked. */
  async open() {
    this.isReady = false;
    this.page.start.setAttribute("aria-disabled", "true");
    this.busy("Getting Python.");
    try {
      if (!this.notebook) {
        const answer = await fetch(new URL(`_sources/${this.page.name}.ipynb`, this.page.site));
        if (!answer.ok) throw new Error("this page's notebook is not on the server.");
        this.notebook = await answer.json();
      }
      await this.engine.start();
      await this.engine.open(this.page.name, JSON.stringify(this.notebook), this.answers.functions);
    } catch (error) {
      this.engine.stop();
      this.opening = null;
      this.idle(`The cells cannot be run: ${error.message}`);
      return false;
    }
    if (!this.cells) this.furnish();
    this.isReady = true;
    this.announceReady();
    return true;
  }

  furnish() {
    const code = this.notebook.cells.filter((one) => one.cell_type === "code");
    this.cells = code.map((one, i) => new Cell(one, i + 1, this.page.cells.get(one.id) ?? null, this));
    this.notes = new Notes(this.notebook, this);
    this.all = [...this.cells.filter((cell) => cell.editor), ...this.notes.cells];
    this.answers.probe();
    const { texts, old } = this.answers.sorted(this.all);
    this.place(texts);
    offerOld(old, this);
    this.page.start.textContent = "Run all";
    this.page.strip.append(
      button("Save as notebook", () => this.save()),
      button("Open a notebook", () => this.file.click()),
      button("Reset page", () => this.resetPage()),
    );
    document.body.classList.add("hb-tab-on");
  }

  /* Put texts, a Map by id, into cells. */
  place(texts) {
    for (const cell of this.all) if (texts.has(cell.id)) cell.editor.text = texts.get(cell.id);
  }

  announceReady() {
    if (!this.cells) return;
    this.idle(this.answers.isRefused
      ? "Python is ready. This browser does not keep what you write: save it as a notebook before you leave."
      : "Python is ready: change any cell, and run it with Shift-Enter. What you write is kept in this browser.");
  }

  /* ---- Running ---------------------------------------------------------------------------------------------- */

  /* Run a cell, those above it that have not run, and, in a lab, the check right below it. */
  runTo(cell) {
    const at = this.cells.indexOf(cell);
    const next = this.cells[at + 1];
    const above = this.cells.slice(0, at).filter((one) => !one.hasRun);
    this.queue([...above, cell, ...(next?.isCheck && !cell.isCheck ? [next] : [])]);
  }

  nameOf(id) {
    return this.cells.find((cell) => cell.id === id)?.name ?? id;
  }

  runAbove(cell) {
    this.queue(this.cells.slice(0, this.cells.indexOf(cell)));
  }

  queue(cells) {
    for (const cell of cells) {
      if (this.line.includes(cell)) continue;
      this.line.push(cell);
      cell.tell("waiting", "waiting");
    }
    if (!this.current) this.work();
  }

  async work() {
    while (this.line.length) {
      this.current = this.line.shift();
      const goesOn = await this.runOne(this.current);
      this.current = null;
      if (!goesOn) {
        for (const cell of this.line.splice(0)) cell.settle();
      }
    }
    if (this.engine.worker) this.idle();
  }

  /* Run one cell; whether the ones after it may run. */
  async runOne(cell) {
    const { text } = cell;
    const since = Date.now();
    const more = () => (this.line.length ? `, ${this.line.length} more to go` : "");
    cell.tell("running", "running");
    this.busy(`Running ${cell.name}${more()}.`);
    let isLong = false;
    const clock = setInterval(() => {
      const seconds = Math.floor((Date.now() - since) / 1000);
      this.busy(seconds < LONG_S ? `Running ${cell.name}${more()}: ${seconds} s.`
        : `Cell ${cell.number} is still running after ${seconds} s.`);
      this.now.classList.toggle("hb-tab-long", seconds >= LONG_S);
      if (seconds >= LONG_S && !isLong) say(this.live, `Cell ${cell.number} is still running. It can be stopped.`);
      isLong = seconds >= LONG_S;
    }, 1000);
    try {
      const result = await this.engine.run(cell.id, text);
      this.hasChanges ||= text !== cell.source;
      if (result.kept) this.answers.functions = result.kept;
      say(this.live, cell.took(result, text));
      const isBroken = result.error && result.same !== true && !cell.mayRaise;
      if (isBroken && this.line.length && this.hasChanges) say(this.live, `Stopped at ${cell.name}: ${result.error}.`);
      return !(isBroken && this.hasChanges);
    } catch (error) {
      if (!(error instanceof Stopped)) {
        this.engine.stop();
        this.forget(STOPPED);
        this.opening = null;
        this.idle(`Python ended: ${error.message} Run a cell to start it again.`);
      }
      return false;
    } finally {
      clearInterval(clock);
      this.now.classList.remove("hb-tab-long");
    }
  }

  /* End Python, whatever it does, and start it again. */
  async stop() {
    this.line = [];
    this.engine.stop();
    this.forget(STOPPED);
    say(this.live, "Python was stopped, and starts again. No cell has run.");
    this.opening = this.open();
    await this.opening;
  }

  forget(why) {
    this.hasChanges = false;
    for (const cell of this.cells ?? []) cell.forget(cell.ran !== null || cell === this.current ? why : "not run yet");
  }

  /* ---- What the reader wrote -------------------------------------------------------------------------------- */

  keep(cell) {
    this.answers.keep(cell.id, cell.text, cell.source);
  }

  reset(cell) {
    cell.restore();
    cell.editor.area.focus(); // the button has gone
    say(this.live, `${cell.name} is as it was.`);
  }

  async resetPage() {
    if (!confirm("Put every cell back as it was? What you wrote on this page will be lost.")) return;
    for (const cell of [...this.cells, ...this.notes.cells]) cell.restore();
    this.answers.clear();
    for (const one of document.querySelectorAll(".hb-tab-old")) one.remove();
    await this.stop();
    for (const cell of this.cells) cell.forget("not run yet");
  }

  save() {
    const cells = this.all.map((cell) => ({
      id: cell.id, source: cell.source, text: cell.text,
      outputs: cell.hasRun && !cell.result.lacks ? cell.result.outputs : null,
    }));
    save(`${this.page.name.split("/").at(-1)}.ipynb`, written(this.notebook, cells));
  }

  async load(file) {
    try {
      const { texts, homeless } = read(await file.text(), this.all);
      this.place(texts);
      const left = homeless ? ` ${homeless} of its cells have no place on this page.` : "";
      say(this.page.says, `${texts.size} cells are now as in ${file.name}.${left}`);
    } catch (error) {
      say(this.page.says, error.message);
    }
    say(this.live, this.page.says.textContent);
  }

  /* ---- Saying how things stand ------------------------------------------------------------------------------- */

  buildStatus() {
    this.live = make("p", "hb-tab-unseen");
    this.live.setAttribute("role", "status");
    const keys = make("p", "hb-tab-unseen", KEYS);
    keys.id = "hb-tab-keys";
    keys.hidden = true; // read where it is named, not where it stands
    this.words = make("span", "");
    this.bar = make("progress", "");
    this.bar.setAttribute("aria-label", "Getting Python");
    this.ender = button("Stop", () => this.stop());
    this.now = make("div", "hb-tab-now", this.words, this.bar, this.ender);
    this.now.hidden = true;
    this.file = Object.assign(make("input", ""), { type: "file", accept: ".ipynb", hidden: true });
    this.file.addEventListener("change", () => {
      if (this.file.files[0]) this.load(this.file.files[0]);
      this.file.value = "";
    });
    document.querySelector(".bd-article").append(this.live, keys, this.file, this.now);
  }

  progressed({ step, done, total }) {
    const megabytes = (bytes) => (bytes / 1e6).toFixed(1);
    const doing = step[0].toUpperCase() + step.slice(1);
    this.busy(total && done < total ? `${doing}: ${megabytes(done)} of ${megabytes(total)} MB` : `${doing}.`);
    this.bar.hidden = !total || done >= total;
    if (total) Object.assign(this.bar, { value: done, max: total });
  }

  busy(text) {
    this.now.hidden = false;
    this.bar.hidden = true;
    this.ender.hidden = !this.current;
    say(this.words, text);
    if (!this.current) say(this.page.says, text);
  }

  idle(text) {
    this.now.hidden = true;
    this.page.start.removeAttribute("aria-disabled");
    if (text) {
      say(this.page.says, text);
      say(this.live, text);
    }
  }
}
