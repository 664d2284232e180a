// Figure 5: a panel each for time, energy, EDP and mapping efficiency, a row of panels for each network.

const MEASURES = [
  { column: "time_rel", title: "execution time / dense", bars: null },
  { column: "energy_rel", title: "energy / dense", bars: ["energy_rel_p5", "energy_rel_p95"] },
  { column: "edp_rel", title: "EDP / dense", bars: ["edp_rel_p5", "edp_rel_p95"] },
  { column: "mapping_efficiency", title: "mapping efficiency", bars: null },
];
const GAPS = { barGap: "8%", barCategoryGap: "26%" };

function drawFigure5() {
  const place = document.getElementById("figure5-charts");
  if (!place) return;
  for (const entry of DATA.figure5) {
    const images = `${entry.images} ${entry.images === 1 ? "image" : "images"}`;
    place.append(el("h3", {}, entry.title, " ", el("span", { class: "aside" }, `mean of ${images}`)));
    const panels = el("div", { class: "panels" });
    place.append(panels);
    for (const measure of MEASURES) {
      const box = el("div", { class: "chart" });
      panels.append(el("figure", {}, el("figcaption", {}, measure.title), box));
      chart(box, (colours) => panelOption(entry, measure, colours));
    }
  }
}

function panelOption(entry, measure, colours) {
  const shown = DATA.series.map((each) => ({ ...each, rows: unpack(entry.series[each.key]).rows })).filter(
    (each) => each.rows.length,
  );
  const degrees = [...new Set(shown.flatMap((each) => each.rows.map((row) => row.noise)))].sort((a, b) => a - b);
  const at = (each, degree) => each.rows.find((row) => row.noise === degree);
  const series = shown.map((each, place) => ({
    type: "bar",
    name: each.title,
    ...GAPS,
    itemStyle: { color: each.colour },
    data: degrees.map((degree) => at(each, degree)?.[measure.column] ?? null),
    // Dense is what everything but the mapping efficiency is relative to.
    markLine: place === 0 && measure.column.endsWith("_rel") ? denseLine(colours) : undefined,
  }));
  const bars = measure.bars && entry.bars ? shown.map((each, place) => errorBars(each, place, shown.length, degrees, at, measure, colours)) : [];
  const axis = axisLook(colours);
  const lines = (degree) =>
    shown.flatMap((each) => {
      const row = at(each, degree);
      if (!row) return [];
      const range = measure.bars && entry.bars && row.scheme !== "dense" ? ` [${shortNumber(row[measure.bars[0]])}, ${shortNumber(row[measure.bars[1]])}]` : "";
      return [[`${row.scheme} on ${row.machine}`, shortNumber(row[measure.column]) + range]];
    });
  const best = shown.map((each) => `${each.title}: ${each.rows.map((row) => `${shortNumber(row[measure.column])} at ${percent.format(row.noise)}`).join(", ")}`);
  return {
    height: 250,
    label: `${entry.title}, ${measure.title} by degree of noise. ${best.join(". ")}.`,
    option: {
      grid: gridLook(legendHeight(shown.map((each) => each.title), colours.width)),
      legend: { ...legendLook(colours), data: shown.map((each) => each.title) },
      tooltip: {
        trigger: "axis",
        axisPointer: { type: "shadow" },
        ...tooltipLook(colours),
        formatter: (items) => tooltip(`${entry.title}, ${items[0].name} % noise`, lines(degrees[items[0].dataIndex])),
      },
      xAxis: { type: "category", data: degrees.map((degree) => tenths.format(100 * degree)), name: "degree of noise, %", nameLocation: "middle", nameGap: 24, ...axis, axisLabel: { ...axis.axisLabel, interval: 0 } },
      yAxis: { type: "value", ...axis },
      series: [...series, ...bars],
    },
  };
}

function denseLine(colours) {
  return {
    silent: true,
    symbol: "none",
    lineStyle: { color: colours.text, type: "dotted", width: 1.5 },
    label: { show: false },
    data: [{ yAxis: 1 }],
  };
}

function errorBars(each, place, count, degrees, at, measure, colours) {
  const [low, high] = measure.bars;
  return {
    type: "custom",
    name: `${each.title}, error bar`,
    silent: true,
    z: 5,
    encode: { x: 0, y: [1, 2] },
    data: degrees.flatMap((degree, index) => {
      const row = at(each, degree);
      return row ? [[index, row[low], row[high]]] : [];
    }),
    renderItem: (params, api) => {
      const offset = api.barLayout({ count, ...GAPS })[place].offsetCenter;
      const [x, top] = api.coord([api.value(0), api.value(2)]);
      const bottom = api.coord([api.value(0), api.value(1)])[1];
      const line = (x1, y1, x2, y2) => ({ type: "line", shape: { x1, y1, x2, y2 }, style: { stroke: colours.text, lineWidth: 1.2 } });
      const [centre, cap] = [x + offset, 2.5];
      return {
        type: "group",
        children: [line(centre, top, centre, bottom), line(centre - cap, top, centre + cap, top), line(centre - cap, bottom, centre + cap, bottom)],
      };
    },
  };
}
