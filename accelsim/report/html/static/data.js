// What Python wrote into the page, tables unpacked into one object a row.

const DATA = JSON.parse(document.getElementById("data").textContent);

function unpack(table) {
  if (!table) return null;
  const rows = table.rows.map((values) =>
    Object.fromEntries(table.columns.map((name, place) => [name, values[place]])),
  );
  return { ...table, rows };
}

const RUNS = unpack(DATA.runs);
const LAYERS = unpack(DATA.layers);
const POINTS = unpack(DATA.points);

/** Counts as named in docs/machine.md: every column that is none of those with a title, in `fields` or of the table itself. */
const NO_COUNTS = new Set([
  ...Object.keys(DATA.columns),
  ...DATA.groups.flatMap((group) => [`${group.key}_pj`, `${group.key}_rel`]),
  "kind", "dataset", "group", "fewest_cycles", "most_cycles",
]);

function countNames(table) {
  const fields = new Set(table.fields ?? []);
  return table.columns.filter((name) => !NO_COUNTS.has(name) && !fields.has(name) && !/_p\d+$/.test(name));
}

/** Core cycles of a row by what the MVU does in them; adds up to `core_cycles`. */
function cycleUses(row) {
  return DATA.cycles.map((use) => ({
    ...use,
    cycles: use.counts.reduce((sum, name) => sum + (row[name] ?? 0), 0),
  }));
}

function networkTitle(name) {
  return DATA.networks[name] ?? name;
}
