// Stacked bars: energy by group, or the MVU's cycles by use, one bar for each row of a table.

/** How a row is split. parts: {title, colour, value, text}. */
const SPLITS = {
  energy: {
    title: "energy, by where it goes",
    axis: "µJ an image",
    parts: (row) =>
      DATA.groups.map((group) => ({
        title: group.title,
        colour: group.colour,
        value: row[`${group.key}_pj`] / 1e6,
        text: `${shortNumber(row[`${group.key}_pj`] / 1e6)} µJ (${percent.format(row[`${group.key}_pj`] / row.energy_pj)})`,
      })),
  },
  relative: {
    title: "energy / dense, by where it goes",
    axis: "energy / dense",
    parts: (row) =>
      DATA.groups.map((group) => ({
        title: group.title,
        colour: group.colour,
        value: row[`${group.key}_rel`],
        text: shortNumber(row[`${group.key}_rel`]),
      })),
  },
  shares: {
    title: "share of the MVU's cycles, by use",
    axis: "share of core cycles",
    parts: (row) =>
      cycleUses(row).map((use) => ({
        title: use.title,
        colour: use.colour,
        value: use.cycles / row.core_cycles,
        text: percent.format(use.cycles / row.core_cycles),
      })),
  },
  cycles: {
    title: "the MVU's cycles, by use",
    axis: "core cycles an image",
    parts: (row) =>
      cycleUses(row).map((use) => ({
        title: use.title,
        colour: use.colour,
        value: use.cycles / row.images,
        text: `${whole.format(use.cycles / row.images)} (${percent.format(use.cycles / row.core_cycles)})`,
      })),
  },
};

/**
 * What `chart` needs. rows: of a table. name(row): the bar's. lying: bars from left to right, the first row on top.
 */
function stackOption({ rows, name, split, lying, label }, colours) {
  const parts = rows.map((row) => SPLITS[split].parts(row));
  const used = (parts[0] ?? []).map((_, place) => place).filter((place) => parts.some((each) => each[place].value > 0));
  const titles = used.map((place) => parts[0][place].title);
  const axis = axisLook(colours);
  const names = {
    type: "category",
    data: rows.map(name),
    inverse: lying,
    ...axis,
    axisTick: { show: false },
    axisLabel: lying
      ? { ...axis.axisLabel, color: colours.text, interval: 0, width: colours.narrow ? 118 : 200, overflow: "break", lineHeight: 12 }
      : { ...axis.axisLabel, rotate: 50, width: 110, overflow: "truncate", hideOverlap: true },
  };
  const values = { type: "value", name: SPLITS[split].axis, nameLocation: "middle", nameGap: lying ? 26 : 48, ...axis };
  if (split === "shares") {
    values.max = 1;
    values.axisLabel = { ...axis.axisLabel, formatter: (value) => percent.format(value) };
  } else {
    values.axisLabel = { ...axis.axisLabel, formatter: (value) => compact.format(value), hideOverlap: true };
  }
  const top = legendHeight(titles, colours.width - 10);
  return {
    height: lying ? rows.length * (colours.narrow ? 30 : 25) + top + 56 : 330,
    label: `${label}: ${SPLITS[split].title}, of ${rows.length} bars. The table below has the numbers.`,
    option: {
      grid: gridLook(top),
      legend: { ...legendLook(colours), data: titles },
      tooltip: {
        trigger: "axis",
        axisPointer: { type: "shadow" },
        ...tooltipLook(colours),
        formatter: (items) => {
          const place = items[0].dataIndex;
          return tooltip(name(rows[place]), used.map((part) => [parts[place][part].title, parts[place][part].text]));
        },
      },
      xAxis: lying ? values : names,
      yAxis: lying ? names : values,
      series: used.map((place) => ({
        type: "bar",
        stack: "all",
        name: parts[0][place].title,
        barCategoryGap: "22%",
        // A seam in the panel's colour tells neighbours apart whatever their colours.
        itemStyle: { color: parts[0][place].colour, borderColor: colours.panel, borderWidth: 0.7 },
        data: parts.map((each) => each[place].value),
      })),
    },
  };
}

const compact = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });

/** Call `open(index)` for a click anywhere in a bar's lane, also beside a short bar. lying(), count(): as drawn now. */
function onBar(one, lying, count, open) {
  one.echart.getZr().on("click", (event) => {
    const point = [event.offsetX, event.offsetY];
    if (!one.echart.containPixel("grid", point)) return;
    const index = one.echart.convertFromPixel({ gridIndex: 0 }, point)[lying() ? 1 : 0];
    if (index >= 0 && index < count()) open(index);
  });
}
