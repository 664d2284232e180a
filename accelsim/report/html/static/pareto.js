// Pareto fronts: points by two costs, chosen by the reader; filled where Python found them on the front.

const AXES = ["latency_us", "energy_pj", "edp_pj_us", "area_mm2", "noise"];
const LABELLED = 40; // so many points still have room for their names
/**
 * Draw into a section with .controls, .objectives and .chart. rows: {kind, front, costs}. groups: [key, title, rows].
 * onopen(rows, index).
 */
function drawPareto(section, table, groups, onopen) {
  section.querySelector(".objectives").textContent = table.objectives.map((name) => columnOf(name).title).join("; ");
  const axes = AXES.filter((name) => table.columns.includes(name));
  const state = { group: firstGroup(groups), x: table.axes[0], y: table.axes[1] };
  axes.push(...table.axes.filter((name) => !axes.includes(name)));
  const titled = axes.map((name) => [name, columnOf(name).title]);
  const controls = section.querySelector(".controls");
  const set = (key) => (value) => {
    state[key] = value;
    one.draw();
  };
  if (groups.length > 1) {
    controls.append(choice("Points that compete", groups.map(([key, title]) => [key, title]), state.group, set("group")).element);
  }
  controls.append(choice("Across", titled, state.x, set("x")).element, choice("Up", titled, state.y, set("y")).element);
  const rows = () => groups.find(([key]) => key === state.group)[2];
  const one = chart(section.querySelector(".chart"), (colours) => paretoOption(rows(), state, colours));
  one.echart.on("click", (event) => {
    if (event.data?.place !== undefined) onopen(rows(), event.data.place);
  });
}

/** Of several groups the first in which kinds of schemes compete. */
function firstGroup(groups) {
  return (groups.find(([, , rows]) => distinct(rows, "kind").length > 1) ?? groups[0])[0];
}

/** The front of two costs, by the first: a point is on it if no other is as good in both. */
function frontOfTwo(rows, x, y) {
  let least = Infinity;
  return rows
    .map((row) => [row[x], row[y]])
    .sort((a, b) => a[0] - b[0] || a[1] - b[1])
    .filter(([, value]) => value < least && ((least = value), true));
}

function paretoOption(rows, { x, y }, colours) {
  const scaled = (name, value) => value / columnOf(name).per;
  const order = Object.keys(DATA.kinds);
  const kinds = distinct(rows, "kind").sort((a, b) => order.indexOf(a) - order.indexOf(b));
  const axis = axisLook(colours);
  const valueAxis = (name, gap) => ({
    ...scaleOf(rows.map((row) => scaled(name, row[name]))),
    name: columnOf(name).title,
    nameLocation: "middle",
    nameGap: gap,
    ...axis,
    axisLabel: { ...axis.axisLabel, formatter: (value) => (name === "noise" ? percent : compact).format(value), hideOverlap: true },
  });
  const title = (kind) => DATA.kinds[kind]?.title ?? kind;
  const colourOf = (kind) => DATA.kinds[kind]?.colour ?? colours.soft;
  // Filled on the front, hollow behind it. The legend takes its symbols from the first series of a name.
  const points = kinds.flatMap((kind) =>
    [true, false].map((front) => ({
      type: "scatter",
      name: title(kind),
      symbol: DATA.kinds[kind]?.symbol ?? "diamond",
      symbolSize: front ? 11 : 8,
      z: front ? 4 : 2,
      itemStyle: front
        ? { color: colourOf(kind), borderColor: colours.text, borderWidth: 1 }
        : { color: "transparent", borderColor: colourOf(kind), borderWidth: 1.2 },
      label: { show: rows.length <= LABELLED, position: "right", formatter: ({ data }) => percent.format(rows[data.place].noise), color: colours.soft, fontSize: 10 },
      labelLayout: { hideOverlap: true },
      data: rows.flatMap((row, place) =>
        row.kind === kind && Boolean(row.front) === front ? [{ value: [scaled(x, row[x]), scaled(y, row[y])], place }] : [],
      ),
    })),
  );
  const front = frontOfTwo(rows, x, y).map((pair) => [scaled(x, pair[0]), scaled(y, pair[1])]);
  const onFront = rows.filter((row) => row.front).length;
  return {
    height: colours.narrow ? 340 : 440,
    label: `${columnOf(y).title} against ${columnOf(x).title} of ${rows.length} points, ${onFront} of them on the front.`,
    option: {
      grid: { ...gridLook(legendHeight(kinds.map(title), colours.width) + 6), right: 40 },
      legend: { ...legendLook(colours), data: kinds.map(title) },
      tooltip: {
        trigger: "item",
        ...tooltipLook(colours),
        formatter: ({ data }) => {
          if (data.place === undefined) return "";
          const row = rows[data.place];
          const costs = AXES.filter((name) => row[name] !== undefined && row[name] !== null);
          return tooltip(`${row.label} on ${row.machine}`, costs.map((name) => [columnOf(name).title, formatValue(name, row[name])]));
        },
      },
      xAxis: valueAxis(x, 30),
      yAxis: valueAxis(y, 46),
      series: [
        ...points,
        { type: "line", step: "end", data: front, symbol: "none", silent: true, z: 3, lineStyle: { color: colours.text, width: 1, opacity: 0.7 } },
      ],
    },
  };
}

/** A linear axis, or a logarithmic one where the values span much; its ends a little beyond the values. */
function scaleOf(values) {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  if (least <= 0 || most < 30 * least) return { type: "value", scale: true };
  const nice = (value, round) => {
    const unit = 10 ** (Math.floor(Math.log10(value)) - 1);
    return Number((round(value / unit) * unit).toPrecision(4));
  };
  return { type: "log", minorSplitLine: { show: true }, min: nice(least * 0.92, Math.floor), max: nice(most * 1.08, Math.ceil) };
}
