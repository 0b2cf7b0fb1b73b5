/* A cell's outputs, in the form that a notebook has them, as elements that look like the stored ones. */

import { make } from "./dom.js";

const COLOURS = /\u001b\[[0-9;]*m/g; // of a terminal
const MOST_CHARACTERS = 100_000; // of one output; a page with more is slow, and nobody reads it
const INSIDE = "... inside the library ...";

const joined = (text) => (Array.isArray(text) ? text.join("") : text ?? "");

/* Text in a box of its own, bounded in height; a long one scrolls, by keyboard, too. */
function plain(kind, text) {
  const bare = text.replace(COLOURS, "");
  const left = bare.length - MOST_CHARACTERS;
  const shown = left > 0 ? `${bare.slice(0, MOST_CHARACTERS)}\n... and ${left.toLocaleString("en-GB")} more characters` : bare;
  const pre = make("pre", "", shown);
  return make("div", `output ${kind} notranslate`, make("div", "highlight", pre));
}

/* HTML as a browser would have read it in a page: its scripts run, which is how a player or a control wakes. */
function html(text) {
  const box = make("div", "output text_html");
  box.innerHTML = text;
  return box;
}

function wake(box) {
  for (const dead of box.querySelectorAll("script:not([type])")) {
    const alive = document.createElement("script");
    alive.textContent = dead.textContent;
    dead.replaceWith(alive);
  }
}

function bundle(data) {
  if (data["text/html"]) return html(joined(data["text/html"]));
  if (data["image/svg+xml"]) return html(joined(data["image/svg+xml"]));
  if (data["image/png"]) {
    const image = new Image();
    image.src = `data:image/png;base64,${joined(data["image/png"])}`;
    image.alt = joined(data["text/plain"]);
    return make("div", "output image_png", image);
  }
  return plain("text_plain", joined(data["text/markdown"] ?? data["text/plain"]));
}

/* What was printed in several pieces is one text. */
function merged(outputs) {
  const all = [];
  for (const one of outputs) {
    const last = all.at(-1);
    if (one.output_type === "stream" && last?.output_type === "stream" && last.name === one.name) {
      last.text = joined(last.text) + joined(one.text);
    } else all.push({ ...one });
  }
  return all;
}

/* An exception as a reader needs it: their own lines, by the number of the cell, and what was raised. What happened
   inside the library between the two is left out. */
function traceback({ ename, evalue, traceback: lines = [] }, nameOf) {
  const frames = lines.join("\n").replace(COLOURS, "").split(/^(?=  File ")/m).slice(1);
  const last = `${ename}: ${evalue}`;
  const own = [];
  for (const frame of frames) {
    const [, id, place] = frame.match(/^  File "<cell ([^",>]+)[^"]*", (line \d+)/) ?? [];
    const text = frame.split("\n").slice(1).filter((line) => line.startsWith("    ")).join("\n");
    if (id) own.push(`${nameOf(id)}, ${place}:\n${text}`);
    else if (own.length && own.at(-1) !== INSIDE) own.push(INSIDE);
  }
  return [...own, last].join("\n");
}

function drawn(output, nameOf) {
  if (output.output_type === "stream") {
    return plain(output.name === "stderr" ? "stderr" : "stream", joined(output.text));
  }
  if (output.output_type === "error") return plain("traceback", traceback(output, nameOf));
  return bundle(output.data);
}

/* Show outputs in a box that is in the page already. nameOf: a cell's name, from its id. */
export function show(box, outputs, nameOf) {
  box.replaceChildren(...merged(outputs).map((one) => drawn(one, nameOf)));
  for (const one of box.querySelectorAll(".text_html")) wake(one);
  for (const pre of box.querySelectorAll("pre")) {
    if (pre.scrollHeight > pre.clientHeight + 1 || pre.scrollWidth > pre.clientWidth + 1) {
      Object.assign(pre, { tabIndex: 0, role: "group", ariaLabel: "Output" });
    }
  }
}

/* The beginning of what outputs say, for a screen reader. */
export function inWords(outputs) {
  const words = merged(outputs).map((one) => {
    if (one.output_type === "stream") return joined(one.text);
    if (one.output_type === "error") return `${one.ename}: ${one.evalue}`;
    return one.data["text/html"] ? "A figure." : joined(one.data["text/plain"]);
  }).join(" ").replace(COLOURS, "").trim();
  return words.length > 300 ? `${words.slice(0, 300)}, and more.` : words;
}
