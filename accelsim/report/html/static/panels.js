// Charts that Python describes as panels of bars, lines or points (accelsim/report/chart.py).

const GAPS = { barGap: "8%", barCategoryGap: "26%" };

function drawCharts() {
  for (const described of DATA.charts) {
    const place = document.getElementById(`chart-${described.name}`).querySelector(".panel-rows");
    let row = null;
    let heading = null;
    for (const panel of described.panels) {
      if (panel.heading !== heading || !row) {
        heading = panel.heading;
        row = el("div", { class: "panels" });
        if (heading) place.append(el("h3", {}, heading, " ", el("span", { class: "aside" }, panel.aside)));
        place.append(row);
      }
      const box = el("div", { class: "chart" });
      row.append(el("figure", {}, el("figcaption", {}, panel.title), box));
      chart(box, (colours) => panelOption(panel, colours));
    }
  }
}

function panelOption(panel, colours) {
  const names = panel.series.map((each) => each.name);
  const isBar = panel.kind === "bar";
  const axis = axisLook(colours);
  const series = panel.series.map((each, place) => ({
    type: { bar: "bar", line: "line", points: "scatter" }[panel.kind],
    name: each.name,
    ...(isBar ? GAPS : { symbol: "circle", symbolSize: 7, lineStyle: { color: each.colour } }),
    itemStyle: { color: each.colour },
    data: each.x.map((x, index) => [x, each.y[index]]),
    markLine: place === 0 && panel.reference !== null ? referenceLine(panel.reference, colours) : undefined,
  }));
  const bars = panel.series.flatMap((each, place) => (each.low.length ? [errorBars(each, place, panel, colours)] : []));
  const range = (each, index) => (each.low.length ? ` [${shortNumber(each.low[index])}, ${shortNumber(each.high[index])}]` : "");
  const line = (each, index) => [each.notes[index] ?? each.name, shortNumber(each.y[index]) + range(each, index)];
  const linesAt = (x) => panel.series.flatMap((each) => each.x.flatMap((other, index) => (other === x ? [line(each, index)] : [])));
  const told = panel.series.map((each) => `${each.name}: ${each.x.map((x, index) => `${shortNumber(each.y[index])} at ${x}`).join(", ")}`);
  const heading = panel.heading || panel.title;
  const xAxis = { name: panel.x_title, nameLocation: "middle", nameGap: 24, ...axis };
  return {
    height: 250,
    label: `${panel.heading ? `${panel.heading}, ` : ""}${panel.title} by ${panel.x_title}. ${told.join(". ")}.`,
    option: {
      grid: gridLook(legendHeight(names, colours.width)),
      legend: { ...legendLook(colours), data: names },
      tooltip: {
        trigger: isBar ? "axis" : "item",
        axisPointer: { type: "shadow" },
        ...tooltipLook(colours),
        formatter: (found) => {
          const [x] = (isBar ? found[0] : found).value;
          return tooltip(`${heading}, ${panel.x_title}: ${isBar ? x : shortNumber(x)}`, linesAt(x));
        },
      },
      xAxis: isBar
        ? { type: "category", data: panel.categories, ...xAxis, axisLabel: { ...axis.axisLabel, interval: 0 } }
        : { type: "value", scale: true, ...xAxis },
      yAxis: { type: "value", scale: !isBar, ...axis },
      series: [...series, ...bars],
    },
  };
}

function referenceLine(height, colours) {
  return {
    silent: true,
    symbol: "none",
    lineStyle: { color: colours.text, type: "dotted", width: 1.5 },
    label: { show: false },
    data: [{ yAxis: height }],
  };
}

function errorBars(each, place, panel, colours) {
  return {
    type: "custom",
    name: `${each.name}, error bar`,
    silent: true,
    z: 5,
    encode: { x: 0, y: [1, 2] },
    data: each.x.map((x, index) => [x, each.low[index], each.high[index]]),
    renderItem: (params, api) => {
      const offset = panel.kind === "bar" ? api.barLayout({ count: panel.series.length, ...GAPS })[place].offsetCenter : 0;
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
