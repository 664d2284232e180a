// A table that sorts by its headings, is searched, and whose rows open.

const FIRST_ROWS = 150;

/**
 * Build a table into `place`. columns: names of fields, the first of which opens the row. onopen(rows, index): rows as
 * sorted and searched. Returns {show}: show(rows, without) replaces the rows, and leaves out the columns `without`.
 */
function dataTable({ place, caption, columns, searchLabel, onopen }) {
  let all = [];
  let shown = [];
  let sort = { column: null, down: false };
  let most = FIRST_ROWS;
  let hidden = new Set();

  const search = el("input", { type: "search", autocomplete: "off", spellcheck: "false", oninput: () => update() });
  const found = el("output", { "aria-live": "polite" });
  const body = el("tbody");
  const heads = new Map(columns.map((name) => [name, heading(name)]));
  const table = el("table", { class: "rows" }, el("thead", {}, el("tr", {}, ...heads.values())), body);
  const more = el("button", { type: "button", class: "more", hidden: true, onclick: () => { most = Infinity; fill(); } });
  place.append(
    el("div", { class: "controls" }, el("label", {}, searchLabel, search), found),
    el("div", { class: "scroll", role: "region", "aria-label": `Table: ${caption}`, tabindex: 0 }, table),
    more,
  );

  function heading(name) {
    const column = columnOf(name);
    const number = column.kind !== "text" ? " number" : "";
    const button = el("button", { type: "button", title: column.about || false, onclick: () => sortBy(name) }, column.title);
    return el("th", { scope: "col", class: `sortable${number}`, "aria-sort": "none" }, button);
  }

  function sortBy(name) {
    sort = { column: name, down: sort.column === name && !sort.down };
    for (const [each, head] of heads) {
      head.setAttribute("aria-sort", each !== name ? "none" : sort.down ? "descending" : "ascending");
    }
    update();
  }

  function update() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const texts = columns.filter((name) => columnOf(name).kind === "text");
    shown = all.filter((row) => {
      const text = texts.map((name) => formatValue(name, row[name])).join(" ").toLowerCase();
      return words.every((word) => text.includes(word));
    });
    if (sort.column) shown.sort(comparing(sort.column, sort.down));
    const rows = `${whole.format(all.length)} ${all.length === 1 ? "row" : "rows"}`;
    found.textContent = shown.length === all.length ? rows : `${whole.format(shown.length)} of ${rows}`;
    fill();
  }

  function fill() {
    body.replaceChildren(...shown.slice(0, most).map((row, index) => line(row, index)));
    more.hidden = shown.length <= most;
    more.textContent = `Show all ${whole.format(shown.length)} rows`;
  }

  function line(row, index) {
    const [first, ...rest] = columns.filter((name) => !hidden.has(name));
    const button = el("button", { type: "button", class: "open", "aria-haspopup": "dialog" }, formatValue(first, row[first]));
    const open = () => {
      button.focus(); // the dialog gives the focus back to what had it
      onopen(shown, index);
    };
    return el(
      "tr",
      { onclick: open },
      el("th", { scope: "row" }, button),
      ...rest.map((name) =>
        el("td", { class: columnOf(name).kind === "text" ? false : "number" }, formatValue(name, row[name])),
      ),
    );
  }

  return {
    show(rows, without = []) {
      all = rows.slice();
      hidden = new Set(without);
      for (const [name, head] of heads) head.hidden = hidden.has(name);
      most = FIRST_ROWS;
      update();
    },
  };
}

/** Empty cells come last in either direction; texts by their numbers too, layer2 before layer10. */
function comparing(name, down) {
  const sign = down ? -1 : 1;
  return (a, b) => {
    const [x, y] = [a[name] ?? null, b[name] ?? null];
    if (x === null || y === null) return (x === null) - (y === null);
    if (typeof x === "number" && typeof y === "number") return sign * (x - y);
    return sign * String(x).localeCompare(String(y), "en", { numeric: true });
  };
}
