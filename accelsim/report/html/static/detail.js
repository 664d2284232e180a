// What a row is made of, in a dialog: facts, the MVU's cycles, energy by item, the layer under other schemes, all counts.

const dialog = document.getElementById("detail");
const detail = { table: null, rows: [], index: 0, charts: [] };

function startDetail() {
  document.getElementById("detail-close").addEventListener("click", () => dialog.close());
  document.getElementById("detail-previous").addEventListener("click", () => step(-1));
  document.getElementById("detail-next").addEventListener("click", () => step(1));
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close(); // the backdrop
  });
  dialog.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "ArrowLeft") step(-1);
    else if (event.key === "ArrowRight") step(1);
  });
  dialog.addEventListener("close", disposeCharts);
}

/** Show rows[index] of a table; the arrows go through `rows`. */
function openDetail(table, rows, index) {
  Object.assign(detail, { table, rows, index });
  if (!dialog.open) dialog.showModal();
  fillDetail();
  document.getElementById("detail-close").focus();
}

function step(by) {
  const index = detail.index + by;
  if (index < 0 || index >= detail.rows.length) return;
  detail.index = index;
  fillDetail();
}

function disposeCharts() {
  detail.charts.forEach((one) => one.dispose());
  detail.charts = [];
}

function fillDetail() {
  const { table, rows, index } = detail;
  const row = rows[index];
  const isLayer = table === LAYERS;
  document.getElementById("detail-previous").disabled = index === 0;
  document.getElementById("detail-next").disabled = index === rows.length - 1;
  document.getElementById("detail-title").textContent = isLayer ? row.layer : row.label;
  disposeCharts();
  const body = document.getElementById("detail-body");
  const other = isLayer ? el("div", { class: "chart" }) : null;
  body.replaceChildren(
    factList(table, row),
    el("div", { class: "sides" },
      el("div", {},
        el("h3", {}, "Where the MVU's cycles go"), cyclesTable(row),
        el("h3", {}, "Utilization"), utilizationTable(row)),
      el("div", {}, el("h3", {}, "Where the energy goes"), energyTable(row))),
    ...(isLayer ? [el("h3", {}, "This layer under every scheme"), el("figure", {}, other)] : []),
    el("h3", {}, `Counts, summed over ${row.images} ${row.images === 1 ? "image" : "images"}`),
    countList(table, row),
  );
  body.scrollTop = 0;
  if (other) {
    const same = LAYERS.rows.filter((each) => each.network === row.network && each.layer_index === row.layer_index);
    detail.charts.push(
      chart(other, (colours) => stackOption({ rows: same, name: (each) => runName(each, same), split: "cycles", lying: true, label: row.layer }, colours)),
    );
  }
}

function factList(table, row) {
  const names = ["network", "machine", "label", "noise", "images", "layer_index", "layer_kind", "n", "d", "k",
    ...(table.fields ?? []), "latency_cycles", "latency_us", "energy_pj", "edp_pj_us", "area_mm2", "time_rel", "energy_rel", "edp_rel", "id"];
  const list = el("dl", { class: "facts" });
  for (const name of names) {
    if (!table.columns.includes(name)) continue;
    let text = name === "network" ? networkTitle(row[name]) : formatValue(name, row[name]);
    if (name === "latency_cycles" && row.most_cycles > row.fewest_cycles) {
      text += ` (from ${whole.format(row.fewest_cycles)} to ${whole.format(row.most_cycles)})`;
    }
    const low = row[`${name}_p5`];
    if (low !== undefined && low !== row[`${name}_p95`]) text += ` [${shortNumber(low)}, ${shortNumber(row[`${name}_p95`])}]`;
    const column = columnOf(name);
    list.append(el("div", { title: column.about || false }, el("dt", {}, column.title), el("dd", {}, text)));
  }
  return list;
}

function level(share, colour) {
  return el("td", { class: "level", "aria-hidden": "true" }, el("span", { style: { width: `${100 * share}%`, background: colour } }));
}

function listTable(head, lines) {
  const heads = head.map((text, place) => el("th", { scope: "col", class: place ? "number" : false }, text));
  return el("table", {}, el("thead", {}, el("tr", {}, ...heads, el("td", { "aria-hidden": "true" }))), el("tbody", {}, ...lines));
}

function cyclesTable(row) {
  const uses = cycleUses(row).filter((use) => use.cycles);
  const lines = uses.map((use) =>
    el("tr", {},
      el("th", { scope: "row", title: use.about }, el("span", { class: "swatch", style: { background: use.colour } }), use.title),
      el("td", { class: "number" }, whole.format(use.cycles / row.images)),
      el("td", { class: "number" }, percent.format(use.cycles / row.core_cycles)),
      level(use.cycles / row.core_cycles, use.colour)),
  );
  return listTable(["use", "core cycles", "share"], lines);
}

const UTILIZATION = ["mvu_busy", "mapping_efficiency", "brick_utilization", "front_busy", "selector_busy", "output_busy"];

function utilizationTable(row) {
  const lines = UTILIZATION.filter((name) => row[name] !== undefined).map((name) =>
    el("tr", {},
      el("th", { scope: "row", title: columnOf(name).about }, columnOf(name).title),
      el("td", { class: "number" }, percent.format(row[name])),
      level(row[name], "currentColor")),
  );
  return listTable(["what", "share"], lines);
}

/** Energy by item where the machine's prices are known (they are linear in the counts), else by group. */
function energyItems(row) {
  const terms = DATA.terms?.[row.machine];
  const byKey = Object.fromEntries(DATA.groups.map((group) => [group.key, group]));
  if (!terms || detail.table === POINTS) {
    return DATA.groups.map((group) => ({ name: group.title, group, pj: row[`${group.key}_pj`] }));
  }
  return terms.map((term) => ({
    name: term.name.replaceAll("_", " "),
    group: byKey[term.group],
    pj: Object.entries(term.pj).reduce((sum, [count, pj]) => sum + (row[count] ?? 0) * pj, 0) / row.images,
  }));
}

function energyTable(row) {
  const items = energyItems(row).filter((item) => item.pj > 0).sort((a, b) => b.pj - a.pj);
  const total = items.reduce((sum, item) => sum + item.pj, 0);
  const lines = items.map((item) =>
    el("tr", {},
      el("th", { scope: "row", title: item.group.title }, el("span", { class: "swatch", style: { background: item.group.colour } }), item.name),
      el("td", { class: "number" }, shortNumber(item.pj / 1e6)),
      el("td", { class: "number" }, percent.format(item.pj / total)),
      level(item.pj / items[0].pj, item.group.colour)),
  );
  const groups = DATA.groups.filter((group) => row[`${group.key}_pj`] > 0).map((group) => `${group.title} ${percent.format(row[`${group.key}_pj`] / row.energy_pj)}`);
  return el("div", {}, el("p", {}, groups.join(", ")), listTable(["item", "µJ", "share"], lines));
}

function countList(table, row) {
  const list = el("dl", { class: "counts" });
  for (const name of countNames(table)) {
    list.append(el("div", {}, el("dt", {}, name), el("dd", {}, whole.format(row[name] ?? 0))));
  }
  return list;
}
