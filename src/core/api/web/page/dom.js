// Elements made of text: what comes from the daemon is never read as markup.

/** The element of that id. */
export const at = (id) => document.getElementById(id);

/** `<tag>` with classes and children, which are elements or plain text. */
export function make(tag, classes = "", ...children) {
  const element = document.createElement(tag);
  if (classes) element.className = classes;
  element.append(...children);
  return element;
}

/** Sets text where it is another one, so that screen readers hear news only. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** A table; `columns`: `{title, of, classes}`, of which `of` gives text or an element for a row. The first is its head. */
export function table(caption, columns, rows) {
  const head = make("tr", "", ...columns.map(({ title, classes }) => {
    const cell = make("th", classes, title);
    cell.scope = "col";
    return cell;
  }));
  const body = rows.map((row) => make("tr", "", ...columns.map(({ of, classes }, column) => {
    const cell = make(column ? "td" : "th", classes, of(row) ?? "–");
    if (!column) cell.scope = "row";
    return cell;
  })));
  return make("table", "", make("caption", "hidden", caption), make("thead", "", head), make("tbody", "", ...body));
}

/** A list of choices that keeps what was chosen. */
export function choices(select, values, kept = 0) {
  const known = [...select.options].slice(kept).map((each) => each.value);
  if (known.length === values.length && known.every((each, index) => each === values[index])) return;
  const chosen = select.value;
  select.length = kept;
  select.append(...values.map((each) => new Option(each, each)));
  select.value = values.includes(chosen) || kept ? chosen : (values[0] ?? "");
}

export const empty = (words) => make("p", "empty", words);
