// The handbook's search. The index (search-index.js, made by book/_ext/search.py) has one entry a section and one a
// term of the glossary. It is loaded when somebody searches, and then read from end to end for each query: two
// megabytes take a few hundredths of a second, and no data structure has to be explained.
//
// A page that was reached from a result carries `?find=words`: those words are marked in it, and no others.
"use strict";
(() => {
  const ROOT = document.documentElement.dataset.content_root || "./";
  const SHOWN = 30; // results on the search page
  const AT_A_GLANCE = 8; // results in the box that Ctrl-K opens
  const OF_ONE_PAGE = 3; // sections of one page, so that a long chapter does not fill the list
  const AROUND = 90; // characters of an excerpt on each side of the word found

  // ---- Words -----------------------------------------------------------------------------------------------------

  const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

  /** The words of a query: small letters, no punctuation around them. */
  const words = (query) =>
    (query.toLowerCase().match(/[\p{L}\p{N}]+(?:[-_.'’][\p{L}\p{N}]+)*/gu) || []).slice(0, 8);

  /** Finds a whole word, in the singular or the plural, however its parts are joined: k-bucket, K buckets, k_bucket.
   *  While somebody is still typing, the last word may go on. */
  function finder(word, unfinished = false) {
    const stem = word.length > 3 && /[^s]s$/.test(word) ? word.slice(0, -1) : word;
    const parts = stem.split(/[-_]/).map(escaped).join("[-_\\s\u2010\u2011]?");
    const end = unfinished ? "" : "(?:e?s|['’]s)?(?![\\p{L}\\p{N}])";
    return new RegExp(`(?<![\\p{L}\\p{N}])${parts}${end}`, "giu");
  }

  const count = (text, find) => (text.match(find) || []).length;

  // ---- Ranking ---------------------------------------------------------------------------------------------------

  const WORTH = { chapter: 1000, lab: 1000, other: 500, library: 0 }; // what teaches comes before what is looked up

  const AFTERWARDS = /^(?:Exercises|Check yourself|Summary|Further reading)$/; // they use a word that another explains

  /** RoutingTable.insert -> RoutingTable.insert Routing Table insert: a name is found by the words in it. */
  const spoken = (title) => `${title} ${title.replace(/(\p{Ll})(\p{Lu})/gu, "$1 $2").replace(/[._]/g, " ")}`;

  /** How good an answer a section is, or 0 if a word is missing from it. */
  function score(section, finders, whole, query) {
    const [title, prose, code] = [spoken(section.title), section.prose, section.code];
    const inTitle = finders.filter((find) => count(title, find) > 0).length;
    const inPage = finders.filter((find) => count(section.page.title, find) > 0).length;
    const often = finders.map((find) => count(prose, find) + Math.min(count(code, find), 4) / 4);
    if (finders.some((find, i) => !often[i] && !count(`${title} ${section.page.title}`, find))) return 0;
    if (!inTitle && !often.some(Boolean)) return 0; // it is in the page's title alone
    let sum = 1 + WORTH[section.page.kind];
    if (/[A-Z_.]/.test(query) && section.title.endsWith(`.${query}`)) sum += 2000; // a name of the library, spelled out
    if (AFTERWARDS.test(section.title)) sum -= 30;
    if (section.page.kind !== "library" || inTitle === finders.length) sum += (60 * inTitle) / finders.length;
    if (section.first && inPage === finders.length) sum += 150; // the page about it, from its beginning
    if (count(section.title, whole)) sum += 40;
    if (count(prose, whole)) sum += 10;
    const rare = Math.min(...often);
    return sum + 8 * Math.min(rare, 6) + (200 * rare) / (40 + prose.length / 8) + Math.min(prose.length / 200, 3);
  }

  /** Terms of the glossary that the query names: the term itself, or at most two that begin with it. */
  function cards(index, query, finders) {
    const exact = new RegExp(`^(?:${finder(query.trim().toLowerCase()).source})$`, "iu");
    const same = index.terms.filter((term) => exact.test(term.name));
    if (same.length) return same.slice(0, 2);
    const near = index.terms.filter((term) => finders.every((find) => count(term.name, find)));
    return near.sort((a, b) => a.name.length - b.name.length).slice(0, 2);
  }

  /** What a query finds: `{words, cards, sections}`. */
  function search(index, query, unfinished = false) {
    const wanted = words(query);
    if (!wanted.length) return { words: wanted, cards: [], sections: [] };
    const finders = wanted.map((word, i) => finder(word, unfinished && i === wanted.length - 1));
    const whole = finder(wanted.join("-"), unfinished);
    const ranked = index.sections
      .map((section) => ({ section, worth: score(section, finders, whole, query.trim()) }))
      .filter((one) => one.worth > 0)
      .sort((a, b) => b.worth - a.worth);
    const taken = new Map();
    const sections = [];
    for (const { section } of ranked) {
      const already = taken.get(section.page) || 0;
      taken.set(section.page, already + 1);
      if (already < OF_ONE_PAGE) sections.push(section);
    }
    return { words: wanted, finders, cards: cards(index, query, finders), sections };
  }

  // ---- The index -------------------------------------------------------------------------------------------------

  /** Gives the index its names: rows of the file become objects. */
  function unpack({ pages, sections, terms }) {
    const named = pages.map(([address, title, kind]) => ({ address, title, kind }));
    let before = -1;
    return {
      sections: sections.map(([page, anchor, title, prose, code]) => {
        const first = page !== before;
        before = page;
        return { page: named[page], anchor, title, prose, code, first };
      }),
      terms: terms.map(([page, anchor, name, meaning]) => ({ page: named[page], anchor, name, meaning })),
    };
  }

  let coming;
  /** The index, loaded once. A script element works from a folder as well, where fetch does not. */
  function load() {
    coming ||= new Promise((done, failed) => {
      const script = document.createElement("script");
      script.src = `${ROOT}search-index.js`;
      script.onload = () => done(unpack(window.handbookIndex));
      script.onerror = () => failed(new Error("search-index.js is missing: build the book again"));
      document.head.append(script);
    });
    return coming;
  }

  // ---- Results on the page ---------------------------------------------------------------------------------------

  const element = (name, className, ...children) => {
    const made = document.createElement(name);
    if (className) made.className = className;
    made.append(...children);
    return made;
  };

  const address = (page, anchor, wanted) =>
    `${ROOT}${page.address}?find=${encodeURIComponent(wanted.join(" "))}#${anchor}`;

  /** A piece of text with the words found in it marked. */
  function marked(text, finders) {
    const all = new RegExp(finders.map((find) => find.source).join("|"), "giu");
    const made = document.createDocumentFragment();
    let end = 0;
    for (const match of text.matchAll(all)) {
      made.append(text.slice(end, match.index), element("mark", "hb-found", match[0]));
      end = match.index + match[0].length;
    }
    made.append(text.slice(end));
    return made;
  }

  /** The text around the first of the words, cut between words. */
  function excerpt(section, finders) {
    const text = finders.some((find) => count(section.prose, find)) ? section.prose : section.code || section.prose;
    const at = Math.max(0, Math.min(...finders.map((find) => text.search(find)).filter((place) => place >= 0), text.length));
    const start = at > AROUND ? text.indexOf(" ", at - AROUND) + 1 : 0;
    const stop = at + 2 * AROUND < text.length ? text.lastIndexOf(" ", at + 2 * AROUND) : text.length;
    return element(
      "p",
      "hb-excerpt",
      start ? "… " : "",
      marked(text.slice(start, Math.max(stop, start)), finders),
      stop < text.length ? " …" : ""
    );
  }

  const KINDS = { chapter: "", lab: "", other: "", library: "Library: " };

  function result(section, found) {
    const link = element("a", "", section.title);
    link.href = address(section.page, section.anchor, found.words);
    const where = section.first ? "" : `${KINDS[section.page.kind]}${section.page.title}`;
    return element("li", `hb-result hb-of-${section.page.kind}`, link, element("span", "hb-where", where), excerpt(section, found.finders));
  }

  function card(term) {
    const link = element("a", "", term.name);
    link.href = `${ROOT}${term.page.address}#${term.anchor}`;
    return element("li", "hb-term", link, element("span", "hb-where", "Glossary"), element("p", "hb-excerpt", term.meaning));
  }

  /** Shows what a query finds as one list, at most `limit` sections long. */
  function show(box, found, limit) {
    const total = found.sections.length;
    box.replaceChildren();
    if (!found.words.length) return;
    const first = found.sections.slice(0, limit);
    const said = total
      ? `${total} section${total === 1 ? "" : "s"}${total > limit ? `, the best ${limit} of them here` : ""}`
      : found.cards.length ? "No section besides" : "Nothing found. Only whole words count: try fewer of them, or another.";
    const line = element("p", "hb-count", said);
    line.setAttribute("role", "status");
    box.append(line, element("ol", "hb-results", ...found.cards.map(card), ...first.map((one) => result(one, found))));
  }

  // ---- The search page, and the box that Ctrl-K opens --------------------------------------------------------------

  /** Answers while somebody types in `field`; arrow keys walk through the answers. */
  function live(field, box, limit) {
    const answer = async (unfinished) => {
      try {
        const index = await load();
        show(box, search(index, field.value, unfinished), limit);
      } catch (error) {
        box.replaceChildren(element("p", "hb-count", String(error.message)));
      }
    };
    field.addEventListener("focus", load, { once: true });
    field.addEventListener("input", () => answer(true));
    box.parentElement.addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (!step) return;
      const stops = [field, ...box.querySelectorAll("li > a")];
      const next = stops[stops.indexOf(document.activeElement) + step];
      if (next) next.focus();
      event.preventDefault();
    });
    return answer;
  }

  function onSearchPage(box) {
    const field = document.querySelector(".bd-search-container form.bd-search input");
    const answer = live(field, box, SHOWN);
    field.value = new URLSearchParams(location.search).get("q") || "";
    field.focus();
    answer(false);
    field.form.addEventListener("submit", (event) => {
      event.preventDefault();
      answer(false);
    });
  }

  function inDialog(dialog) {
    const box = element("div", "hb-at-a-glance");
    dialog.append(box);
    live(dialog.querySelector("input"), box, AT_A_GLANCE);
  }

  // ---- Marks on the page that was reached --------------------------------------------------------------------------

  /** Marks the words in the text of the page and returns the marks. */
  function mark(finders) {
    const article = document.querySelector("article.bd-article");
    const walker = document.createTreeWalker(article, NodeFilter.SHOW_TEXT, (node) =>
      node.parentElement.closest("script, style, svg, math, a.headerlink") ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT
    );
    const texts = [];
    while (walker.nextNode()) texts.push(walker.currentNode);
    for (const text of texts) {
      if (finders.some((find) => count(text.data, find))) text.replaceWith(marked(text.data, finders));
    }
    return [...article.querySelectorAll("mark.hb-found")];
  }

  function onResult(query) {
    const finders = words(query).map((word) => finder(word));
    const section = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const marks = finders.length ? mark(finders) : [];
    const here = marks.filter((one) => !section || section.contains(one) || section.nextElementSibling?.contains(one));
    const seen = here.find((one) => one.checkVisibility && one.checkVisibility()) || here[0];
    if (seen && !seen.closest("h1, h2, h3, h4")) {
      for (let fold = seen.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
      addEventListener("load", () => seen.scrollIntoView({ block: "center" }), { once: true });
    }
    if (!marks.length) return;
    const button = element("button", "hb-unmark", "Remove the marks");
    button.type = "button";
    button.addEventListener("click", () => {
      for (const one of marks) one.replaceWith(one.textContent);
      button.remove();
    });
    document.querySelector("article.bd-article").append(button);
  }

  const box = document.getElementById("search-results");
  const dialog = document.getElementById("pst-search-dialog");
  const query = new URLSearchParams(location.search).get("find");
  if (box) onSearchPage(box);
  else if (dialog) inDialog(dialog);
  if (query) onResult(query);
  window.handbookSearch = { load, search }; // for tests, and for the curious
})();
