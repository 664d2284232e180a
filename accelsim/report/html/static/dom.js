// Elements from a tag, attributes and children. Text is always set as text, never parsed.

function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") Object.assign(element.style, value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** A labelled <select>; `choices` are [value, text]. */
function choice(label, choices, value, onchange) {
  const select = el("select", { onchange: () => onchange(select.value) });
  for (const [key, text] of choices) select.append(el("option", { value: key, selected: key === value }, text));
  return { element: el("label", {}, label, select), select };
}

/** The distinct values of a field, in the order in which they appear. */
function distinct(rows, field) {
  return [...new Set(rows.map((row) => row[field]))];
}
