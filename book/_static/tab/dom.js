/* Elements in one line. */

/* An element with a class, and inside it texts and other elements. */
export function make(tag, name, ...inside) {
  const element = document.createElement(tag);
  element.className = name;
  element.append(...inside);
  return element;
}

export function button(text, onClick) {
  const element = make("button", "hb-tab-button", text);
  element.type = "button";
  element.addEventListener("click", onClick);
  return element;
}

/* Change a text only where it differs, so that nothing is announced twice. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
