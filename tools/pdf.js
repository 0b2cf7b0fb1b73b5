// Prepares the book's one page for paper: tools/pdf.py loads this into the browser that prints it.
"use strict";
window.handbookPrint = {
  /** The book's chapters: where Sphinx joined a page to the one page, it left an anchor with the page's name. */
  chapters() {
    return [...document.querySelectorAll("[id^='document-']")]
      .map((anchor) => ({ anchor, section: anchor.querySelector("section") || anchor.nextElementSibling }))
      .filter(({ section }) => section?.matches("section"))
      .map(({ anchor, section }) => ({ place: anchor.id, section, heading: section.querySelector("h1, h2, h3") }));
  },

  /** Solutions go to the end of their chapter; each exercise says where its solution is. */
  moveSolutions({ section }) {
    const solutions = [...section.querySelectorAll(".admonition.solution")];
    if (!solutions.length) return;
    const end = document.createElement("section");
    end.className = "hb-solutions";
    end.innerHTML = "<h2>Solutions</h2>";
    for (const solution of solutions) {
      const exercise = solution.querySelector(".admonition-title a[href*='#']");
      const asked = exercise && document.getElementById(decodeURIComponent(exercise.hash.slice(1)));
      if (asked && section.contains(asked)) {
        const note = document.createElement("p");
        note.className = "hb-see-solution";
        note.innerHTML = `<a href="#${solution.id}">Solution at the end of the chapter</a>`;
        asked.append(note);
      }
      end.append(solution);
    }
    section.append(end);
  },

  /** Unfolds what a reader on the screen would click: on paper nobody can. */
  unfold() {
    for (const fold of document.querySelectorAll("details")) fold.open = true;
    for (const folded of document.querySelectorAll(".toggle-hidden")) folded.classList.remove("toggle-hidden");
    for (const button of document.querySelectorAll("button.toggle-button, button.copybtn, .headerlink")) button.remove();
  },

  cover(title, author) {
    const cover = document.createElement("div");
    cover.className = "hb-cover";
    const logo = document.querySelector(".logo__image");
    cover.innerHTML = `<h1>${title}</h1><p>${author}</p>`;
    if (logo) cover.prepend(logo.cloneNode());
    return cover;
  },

  contents(chapters) {
    const contents = document.createElement("nav");
    contents.className = "hb-print-contents";
    contents.innerHTML = "<h2>Contents</h2>";
    const list = document.createElement("ol");
    for (const { place, heading } of chapters) {
      const item = document.createElement("li");
      item.innerHTML = `<a href="#${place}"><span>${heading.innerHTML}</span></a><span class="hb-page"></span>`;
      item.dataset.place = place;
      list.append(item);
    }
    contents.append(list);
    return contents;
  },

  prepare(title, author) {
    document.documentElement.dataset.theme = "light";
    this.unfold();
    for (const link of document.querySelectorAll("a[href^='index.html#']")) {
      link.setAttribute("href", `#${link.getAttribute("href").split("#").pop()}`); // within this one page
    }
    const chapters = this.chapters();
    for (const { place, section, heading } of chapters) {
      section.prepend(document.getElementById(place)); // so that its place is on the chapter's page
      section.classList.add("hb-chapter");
      heading.classList.add("hb-chapter-title");
    }
    chapters.forEach((chapter) => this.moveSolutions(chapter));
    const article = document.querySelector("article.bd-article");
    article.prepend(this.cover(title, author), this.contents(chapters));
  },

  /** Writes page numbers into the contents, as far as the first print told them. */
  number(pages) {
    for (const item of document.querySelectorAll(".hb-print-contents li")) {
      item.querySelector(".hb-page").textContent = pages[item.dataset.place] || "";
    }
  },
};
