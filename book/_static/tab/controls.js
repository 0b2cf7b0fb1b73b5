/* A control (sliders over frames that are in the page) whose cell has run: beside each slider over numbers, a box for a
   number that the slider does not have. Python computes that one frame; a move of the slider goes back to those in the page. */

const ADDED = "hb-tab-value";

const valuesOf = (knob) => JSON.parse(knob.dataset.values);

function typed(text) {
  const value = Number(text.replace(",", "."));
  if (!Number.isFinite(value)) throw new Error(`${text} is not a number.`);
  return value;
}

/* Let a control recompute. figure: its element. id: its name in the worker. engine: see engine.js. */
export function revive(figure, id, engine) {
  const bar = figure.querySelector(".hb-bar");
  const room = figure.querySelector(".hb-frame");
  const words = figure.querySelector(".hb-step");
  const sliders = [...bar.querySelectorAll("input[type=range]")]
    .filter((slider) => valuesOf(slider).every((value) => typeof value === "number"));
  if (!sliders.length || bar.querySelector(`.${ADDED}`)) return;
  const own = document.createElement("div");
  own.style.cssText = "grid-area:1/1;min-width:0";
  const trouble = document.createElement("p");
  trouble.className = "hb-tab-trouble";
  trouble.setAttribute("role", "status");
  const boxes = sliders.map((slider) => {
    const box = document.createElement("input");
    Object.assign(box, { type: "text", className: ADDED, placeholder: "other", autocomplete: "off" });
    box.setAttribute("aria-label", `Another value of ${slider.dataset.name}; Enter computes it`);
    slider.closest(".hb-knob").append(box);
    return box;
  });
  bar.append(trouble);

  const values = () => {
    const chosen = {};
    for (const knob of bar.querySelectorAll("input[data-name]")) {
      const list = valuesOf(knob);
      const box = boxes[sliders.indexOf(knob)];
      if (box?.value.trim()) chosen[knob.dataset.name] = typed(box.value.trim());
      else chosen[knob.dataset.name] = list[knob.type === "checkbox" ? +knob.checked : +knob.value];
    }
    return chosen;
  };

  let asked = 0;
  const redraw = async () => {
    const turn = ++asked;
    try {
      const chosen = values();
      trouble.textContent = "Computing.";
      const frame = await engine.redraw(id, chosen);
      if (turn !== asked) return; // the reader has asked for another one meanwhile
      if (frame.error) throw new Error(frame.error);
      for (const one of room.children) one.style.visibility = "hidden";
      own.innerHTML = frame.html;
      own.style.visibility = "visible";
      room.append(own);
      words.textContent = frame.words;
      trouble.textContent = "";
    } catch (error) {
      if (turn === asked) trouble.textContent = error.message;
    }
  };

  for (const [i, box] of boxes.entries()) {
    box.addEventListener("input", (event) => event.stopPropagation()); // the control's own script listens for its sliders
    box.addEventListener("change", () => {
      if (box.value.trim()) redraw();
      else sliders[i].dispatchEvent(new Event("input", { bubbles: true })); // back to the slider's own frame
    });
    sliders[i].addEventListener("input", () => { box.value = ""; });
  }
  bar.addEventListener("input", () => {
    asked += 1;
    own.remove();
    trouble.textContent = "";
    if (boxes.some((box) => box.value.trim())) redraw();
  });
}

/* Python has gone, and with it what could recompute. */
export function retire(root) {
  for (const one of root.querySelectorAll(`.${ADDED}, .hb-tab-trouble`)) one.remove();
}
