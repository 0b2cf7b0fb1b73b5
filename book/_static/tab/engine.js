/* The page's end of the line to Python: one worker, which answers each message in the order in which they came.

   A worker that is stopped is gone, with everything that its cells defined. The next start() makes another one. */

export class Stopped extends Error {}

export class Engine {
  /* base: the URL of this folder. onProgress({step, done, total}): called while Python is on its way. */
  constructor(base, onProgress) {
    this.base = base;
    this.onProgress = onProgress;
    this.worker = null;
    this.waiting = new Map(); // the kind of answer -> those who wait for it, first come, first served
  }

  /* Start Python; resolves when it is ready, and rejects with the worker's sentence if it cannot be. */
  async start() {
    const pieces = await fetch(new URL("pieces/pieces.json", this.base));
    if (!pieces.ok) throw new Error("this copy of the book was built without Python for the browser.");
    this.worker = new Worker(new URL("worker.mjs", this.base), { type: "module" });
    this.worker.onmessage = ({ data }) => this.heard(data);
    this.worker.onerror = () => this.refuse(new Error("Python could not be started in this browser."));
    return this.ask({ type: "start", base: this.base.href }, "ready");
  }

  /* A fresh notebook. page: its name; kept: the functions that earlier labs kept, by file. */
  open(page, notebook, kept) {
    return this.ask({ type: "open", page, notebook, kept }, "opened");
  }

  /* Run a text as a cell; the result is described in worker.mjs. */
  run(id, source) {
    return this.ask({ type: "run", id, source }, `result ${id}`);
  }

  /* Compute one frame of a control that was made by a cell which has run. */
  redraw(figure, values) {
    return this.ask({ type: "redraw", figure, values }, `frame ${figure}`);
  }

  /* End the worker, whatever it is doing; all who wait for an answer get Stopped. */
  stop() {
    this.worker?.terminate();
    this.worker = null;
    this.refuse(new Stopped("Python was stopped."));
  }

  ask(message, answer) {
    return new Promise((resolve, reject) => {
      if (!this.worker) {
        reject(new Stopped("Python is not running."));
        return;
      }
      if (!this.waiting.has(answer)) this.waiting.set(answer, []);
      this.waiting.get(answer).push({ resolve, reject });
      this.worker.postMessage(message);
    });
  }

  heard(message) {
    if (message.type === "progress") this.onProgress(message);
    else if (message.type === "failed") this.refuse(new Error(message.sentence));
    else {
      const about = message.type === "result" ? ` ${message.id}` : message.type === "frame" ? ` ${message.figure}` : "";
      this.waiting.get(message.type + about)?.shift()?.resolve(message);
    }
  }

  refuse(error) {
    const all = [...this.waiting.values()].flat();
    this.waiting.clear();
    for (const one of all) one.reject(error);
  }
}
