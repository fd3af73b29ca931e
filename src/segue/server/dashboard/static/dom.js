// Elements made of data. Text only ever becomes text: there is no way from a string to markup here.

export function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked" || name === "disabled") element[name] = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  append(element, children);
  return element;
}

function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === undefined || child === null || child === false || child === "") continue;
    element.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
}

export function fill(element, ...children) {
  element.replaceChildren();
  append(element, children);
  return element;
}

// Children in the order of `items`, each made once for its key and replaced only where its print has changed: focus and
// a reader's place stay.
export function keyed(parent, items, key, print, make) {
  const known = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  let place = parent.firstElementChild;
  for (const item of items) {
    const name = String(key(item)), said = print(item);
    let child = known.get(name);
    known.delete(name);
    if (child && child.dataset.print !== said) {
      const focused = child.contains(document.activeElement);
      const made = stamped(make(item), name, said);
      if (child === place) place = made;
      child.replaceWith(made);
      if (focused) made.querySelector("a, button")?.focus();
      child = made;
    } else if (!child) {
      child = stamped(make(item), name, said);
      child.classList.add("new");
    }
    if (child === place) place = place.nextElementSibling;
    else parent.insertBefore(child, place);
  }
  for (const left of known.values()) left.remove();
}

function stamped(element, key, print) {
  element.dataset.key = key;
  element.dataset.print = print;
  return element;
}

export function panel(title, note, ...body) {
  return h("section", { class: "panel" }, h("header", null, h("h2", null, title), note && h("p", { class: "note" }, note)), body);
}

// A table whose cells know their column's name, for narrow screens. A column: { name, num, full, plain, cell }; the first is each row's header.
export function table(caption, columns, rows, { cards = true, key } = {}) {
  const body = h("tbody");
  for (const row of rows) body.append(tableRow(columns, row));
  if (key) [...body.children].forEach((child, place) => (child.dataset.key = key(rows[place])));
  const head = h("tr", null, columns.map((column) => h("th", { scope: "col", class: column.num && "num" }, column.name)));
  return h("div", { class: "wide", tabindex: cards ? undefined : "0", role: cards ? undefined : "region", "aria-label": cards ? undefined : caption },
    h("table", { class: cards && "cards" }, h("caption", { class: "sr" }, caption), h("thead", null, head), body));
}

export function tableRow(columns, row) {
  return h("tr", null, columns.map((column, place) => {
    const value = column.cell(row);
    const blank = value === "" || value === undefined || value === null;
    const classes = [column.num && "num", column.full && "full", blank && "none"].filter(Boolean).join(" ");
    const shown = blank ? "–" : value;
    if (place === 0) return h("th", { scope: "row", class: classes || undefined }, shown);
    return h("td", { class: classes || undefined, "data-label": column.plain ? undefined : column.name }, shown);
  }));
}
