/* Texts that the reader wrote for an earlier state of the page: nothing is lost, and nothing is put in unasked. */

import { button, make } from "./dom.js";
import { defines } from "./notebook.js";

/* Offer each text at the cell that has its function now, or at the top of the page if there is none. */
export function offerOld(old, session) {
  for (const answer of old) {
    const name = defines(answer.over);
    const cell = session.cells.find((one) => one.editor && name && defines(one.source) === name);
    const pre = make("pre", "", answer.text);
    pre.tabIndex = 0;
    const said = cell ? "This cell has changed since you wrote in it." : "A cell in which you wrote is no longer on this page.";
    const offer = make("div", "hb-tab-old", make("p", "", `${said} What you wrote:`), pre);
    const done = () => {
      session.answers.drop(answer);
      offer.remove();
    };
    if (cell) {
      offer.append(button("Use it here", () => {
        cell.editor.text = answer.text;
        done();
        cell.editor.area.focus();
      }));
    }
    offer.append(button("Forget it", () => {
      done();
      (cell?.editor.area ?? session.page.start).focus();
    }));
    if (cell) cell.place.bar.after(offer);
    else session.page.strip.after(offer);
  }
}
