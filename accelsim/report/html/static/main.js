// The sections of the page, put together.

/** A run's name; with its machine where the scheme alone does not tell it from the others. */
function runName(row, rows) {
  const twice = rows.some((each) => each.label === row.label && each.machine !== row.machine && each.network === row.network);
  return twice ? `${row.label}, ${row.machine}` : row.label;
}

function byNetwork(rows) {
  return distinct(rows, "network").map((name) => [name, networkTitle(name), rows.filter((row) => row.network === name)]);
}

function drawRuns() {
  if (!RUNS) return;
  const networks = byNetwork(RUNS.rows);
  let rows = networks[0][2];
  const relative = RUNS.columns.includes("energy_rel");
  const energy = chart(document.getElementById("runs-energy"), (colours) =>
    stackOption({ rows, name: (row) => runName(row, rows), split: relative ? "relative" : "energy", lying: true, label: "Schemes" }, colours));
  const cycles = chart(document.getElementById("runs-cycles"), (colours) =>
    stackOption({ rows, name: (row) => runName(row, rows), split: "shares", lying: true, label: "Schemes" }, colours));
  for (const one of [energy, cycles]) onBar(one, () => true, () => rows.length, (index) => openDetail(RUNS, rows, index));
  const columns = ["label", "machine", "noise", "time_rel", "energy_rel", "edp_rel", "latency_cycles", "latency_us", "energy_pj", "edp_pj_us", "mvu_busy", "mapping_efficiency", "brick_utilization", "images"];
  const table = dataTable({
    place: document.getElementById("runs-table"),
    caption: "Schemes",
    columns: columns.filter((name) => RUNS.columns.includes(name)),
    searchLabel: "Search schemes",
    onopen: (shown, index) => openDetail(RUNS, shown, index),
  });
  table.show(rows);
  if (networks.length > 1) {
    const control = choice("Network", networks, networks[0][0], (value) => {
      rows = networks.find(([name]) => name === value)[2];
      energy.draw();
      cycles.draw();
      table.show(rows);
    });
    document.getElementById("runs-controls").append(control.element);
  }
}

/** The run that the page opens with: of the first network's last kind of schemes, the one with most noise. */
function firstRun(runs) {
  const network = runs.filter(({ row }) => row.network === runs[0].row.network);
  const { kind } = network[network.length - 1].row;
  return network.filter(({ row }) => row.kind === kind).sort((a, b) => b.row.noise - a.row.noise)[0].key;
}

function drawLayers() {
  if (!LAYERS) return;
  const keyOf = (row) => JSON.stringify([row.network, row.machine, row.scheme]);
  const runs = RUNS.rows.map((row) => ({ key: keyOf(row), row }));
  const several = distinct(RUNS.rows, "network").length > 1;
  const state = { run: firstRun(runs), split: "cycles" };
  let rows = [];
  const name = (row) => (state.run === "" ? `${row.layer}, ${row.label}` : row.layer);
  const table = dataTable({
    place: document.getElementById("layers-table"),
    caption: "Layers",
    columns: ["layer", "layer_index", "layer_kind", "label", "machine", "n", "d", "k", "latency_cycles", "latency_us", "energy_pj", "edp_pj_us", "mvu_busy", "mapping_efficiency", "brick_utilization", "network"],
    searchLabel: "Search layers",
    onopen: (shown, index) => openDetail(LAYERS, shown, index),
  });
  const figure = document.getElementById("layers-chart").closest("figure");
  let lying = false;
  const one = chart(document.getElementById("layers-chart"), (colours) => {
    lying = colours.narrow; // names of many layers do not fit side by side on a phone
    return stackOption({ rows, name, split: state.split, lying, label: "Layers" }, colours);
  });
  onBar(one, () => lying, () => rows.length, (index) => openDetail(LAYERS, rows, index));
  const update = () => {
    rows = state.run === "" ? LAYERS.rows : LAYERS.rows.filter((row) => keyOf(row) === state.run);
    document.getElementById("layers-caption").textContent = `Layers: ${SPLITS[state.split].title}`;
    figure.hidden = state.run === ""; // bars of every run at once would be too thin to read
    if (!figure.hidden) one.draw();
  };
  const showRows = () => table.show(rows, state.run === "" ? [] : ["label", "machine", "network"]);
  const text = ({ row }) => (several ? `${networkTitle(row.network)}: ` : "") + `${row.label} on ${row.machine}`;
  const run = choice("Scheme and machine", [...runs.map((each) => [each.key, text(each)]), ["", "all of them (table only)"]], state.run, (value) => {
    state.run = value;
    update();
    showRows();
  });
  const split = choice("Bars", [["cycles", "MVU cycles by use"], ["energy", "energy by group"]], state.split, (value) => {
    state.split = value;
    update();
  });
  document.getElementById("layers-controls").append(run.element, split.element);
  update();
  showRows();
}

function drawFronts() {
  const ofRuns = document.getElementById("runs-pareto");
  if (ofRuns) drawPareto(ofRuns, RUNS, byNetwork(RUNS.rows), (rows, index) => openDetail(RUNS, rows, index));
  const ofPoints = document.getElementById("points-pareto");
  if (ofPoints) drawPareto(ofPoints, POINTS, pointGroups(), (rows, index) => openDetail(POINTS, rows, index));
}

/** Points that compete, called by what they have in common. */
function pointGroups() {
  const groups = new Map();
  for (const row of POINTS.rows) groups.set(row.group, [...(groups.get(row.group) ?? []), row]);
  const several = distinct(POINTS.rows, "network").length > 1;
  return [...groups].map(([number, rows]) => {
    const said = several ? [networkTitle(rows[0].network)] : [];
    const [schemes, degrees] = [distinct(rows, "label"), distinct(rows, "noise")];
    if (schemes.length === 1) said.push(schemes[0]);
    else if (degrees.length === 1) said.push(`${percent.format(degrees[0])} noise`);
    else said.push("all schemes");
    return [String(number), `${said.join(", ")} (${rows.length})`, rows];
  });
}

function drawPoints() {
  const place = document.getElementById("points-table");
  if (!place) return;
  const columns = ["label", "machine", ...POINTS.fields, "noise", "latency_us", "energy_pj", "edp_pj_us", "area_mm2", "mvu_busy", "mapping_efficiency", "front", "network"];
  const table = dataTable({
    place,
    caption: "Points",
    columns,
    searchLabel: "Search points",
    onopen: (shown, index) => openDetail(POINTS, shown, index),
  });
  table.show(POINTS.rows);
}

startTheme();
startCharts();
startDetail();
drawCharts();
drawRuns();
drawLayers();
drawFronts();
drawPoints();
