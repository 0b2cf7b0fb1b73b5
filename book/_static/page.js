// Small things of a page: the entry of the contents that is lit, and paper.
"use strict";
(() => {
  const ABOVE = 0.3; // a section is being read when its heading has passed this part of the window

  // ---- The contents light the section that is read ---------------------------------------------------------------
  // Bootstrap's own watcher lights the section before or after the one that was clicked, wherever sections are short.
  // Here the entry that was clicked stays lit until the reader scrolls on.

  document.body.removeAttribute("data-bs-spy");
  const contents = document.querySelector("#pst-page-toc-nav, .bd-toc-nav");
  const entries = [...(contents ? contents.querySelectorAll('a[href^="#"]') : [])]
    .map((link) => ({ link, target: document.getElementById(decodeURIComponent(link.hash.slice(1))) }))
    .filter(({ target }) => target);
  let clicked = null;

  const heading = ({ target }) => target.querySelector("h1, h2, h3, h4") || target;

  function reading() {
    if (clicked) return clicked;
    const passed = entries.filter((entry) => heading(entry).getBoundingClientRect().top < innerHeight * ABOVE);
    return passed[passed.length - 1];
  }

  function light() {
    const now = reading();
    for (const lit of contents.querySelectorAll(".active")) lit.classList.remove("active");
    for (let item = now?.link.closest("li"); item && contents.contains(item); item = item.parentElement.closest("li")) {
      item.classList.add("active");
      item.querySelector("a").classList.add("active");
    }
  }

  if (entries.length) {
    let waiting = false;
    addEventListener("scroll", () => {
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(() => {
        waiting = false;
        light();
      });
    }, { passive: true });
    for (const kind of ["wheel", "touchmove", "keydown", "pointerdown"]) {
      addEventListener(kind, () => (clicked = null), { passive: true }); // what a reader scrolls with
    }
    contents.addEventListener("click", (event) => {
      clicked = entries.find(({ link }) => link === event.target.closest("a")) || null;
      light();
    });
    light();
  }

  // ---- Paper is white, and nothing on it is folded ---------------------------------------------------------------

  const page = document.documentElement;
  let onScreen = null;
  addEventListener("beforeprint", () => {
    if (onScreen) return; // some browsers say it twice
    onScreen = { theme: page.dataset.theme, folds: [...document.querySelectorAll("article details:not([open])")] };
    page.dataset.theme = "light";
    for (const fold of onScreen.folds) fold.open = true;
  });
  addEventListener("afterprint", () => {
    if (!onScreen) return;
    page.dataset.theme = onScreen.theme;
    for (const fold of onScreen.folds) fold.open = false;
    onScreen = null;
  });
})();
