/* The quiet way into the run mode: a button under the title, and one on each cell.

   Nothing else is loaded until one of them is pressed; then session.js takes over. The page works as before where
   this file is missing, and from a folder (file://), where a browser lets no page start Python, one sentence stands
   in the button's place. */
(() => {
  "use strict";

  const script = document.currentScript;
  const title = document.querySelector(".bd-article h1");
  const cells = [...document.querySelectorAll("[data-cell]")];
  if (!title || !cells.length) return;

  const make = (tag, name, text = "") => {
    const element = document.createElement(tag);
    element.className = name;
    element.textContent = text;
    return element;
  };

  const strip = make("div", "hb-tab-strip");
  title.after(strip);
  if (location.protocol === "file:") {
    strip.append(make("p", "hb-tab-says", "From a web server, even one on your own machine, the cells of this page "
      + "can be run and changed; opened from a folder, they can only be read."));
    return;
  }

  const button = (text) => Object.assign(make("button", "hb-tab-button", text), { type: "button" });
  const start = button("Run cells in this page");
  const says = make("p", "hb-tab-says", "It brings Python into this tab (6 to 14 MB), and what you run stays on your "
    + "machine.");
  start.classList.add("hb-tab-start");
  strip.append(start, says);

  /* What session.js is given: where things are, and the buttons that are there already. */
  const page = {
    site: new URL("../../", script.src),
    name: script.dataset.page,
    cells: new Map(),
    strip, start, says,
  };

  for (const cell of cells) {
    const input = cell.querySelector(":scope > .cell_input, :scope > details.hide");
    const bar = make("div", "hb-tab-bar");
    const run = button("Run");
    if (input) {
      bar.append(run);
      input.after(bar);
    } else cell.append(bar);
    page.cells.set(cell.dataset.cell, { element: cell, bar, run });
  }

  /* The first press loads the rest, and runs the cell if it was a cell's button. */
  let session = null;
  const enter = async (id) => {
    if (!session) start.setAttribute("aria-disabled", "true");
    session ??= import(new URL("session.js", script.src)).then((module) => new module.Session(page));
    try {
      await (await session).enter(id);
    } catch (error) {
      session = null;
      start.removeAttribute("aria-disabled");
      says.textContent = `The cells cannot be run just now: ${error.message}`;
    }
  };
  start.addEventListener("click", () => enter(null));
  for (const [id, cell] of page.cells) cell.run.addEventListener("click", () => enter(id));

  try {
    if (localStorage.getItem(`handbook ${page.site.pathname} ${page.name}`)) {
      says.textContent = "What you wrote here last time is still in this browser.";
    }
  } catch { /* a browser that keeps nothing has nothing to say */ }
})();
