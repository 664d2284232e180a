// One chart: drawn by ECharts as SVG, drawn again when the theme, the width or what it shows changes.

const NARROW = 560;
const drawnCharts = new Set();
let patterns = false;

/**
 * Draw into `container`. `describe(look)` returns {option, height, label}; look: colours, `width` and `narrow`.
 * Returns {draw, dispose, echart}.
 */
function chart(container, describe) {
  const echart = echarts.init(container, null, { renderer: "svg", width: container.clientWidth || 300, height: 200 });
  let width = container.clientWidth;

  function draw() {
    width = container.clientWidth;
    if (!width) return;
    const { option, height, label } = describe({ ...look(), width, narrow: width < NARROW });
    container.style.height = `${height}px`;
    echart.resize({ width, height });
    const aria = { enabled: true, label: { description: label }, decal: { show: patterns } };
    echart.setOption({ animation: false, aria, ...option }, { notMerge: true });
  }

  const watcher = new ResizeObserver(() => {
    if (container.clientWidth !== width) draw();
  });
  const one = {
    echart,
    draw,
    dispose() {
      watcher.disconnect();
      drawnCharts.delete(one);
      echart.dispose();
    },
  };
  drawnCharts.add(one);
  draw();
  watcher.observe(container);
  return one;
}

function redrawAll() {
  drawnCharts.forEach((one) => one.draw());
}

function startCharts() {
  themeListeners.push(redrawAll);
  const button = document.getElementById("patterns");
  button.addEventListener("click", () => {
    patterns = !patterns;
    button.setAttribute("aria-pressed", String(patterns));
    redrawAll();
  });
}

/** A tooltip as elements: names come from files, and must not be read as HTML. lines: [name, value]. */
function tooltip(title, lines) {
  const box = el("div", { class: "tooltip" }, el("strong", {}, title));
  for (const [name, value] of lines) box.append(el("span", {}, name), el("span", {}, value));
  return box;
}

function tooltipLook(colours) {
  return {
    backgroundColor: colours.panel,
    borderColor: colours.line,
    textStyle: { color: colours.text },
    confine: true,
  };
}

function axisLook(colours) {
  return {
    axisLine: { lineStyle: { color: colours.line } },
    axisLabel: { color: colours.soft, fontSize: 11 },
    nameTextStyle: { color: colours.soft, fontSize: 11 },
    splitLine: { lineStyle: { color: colours.grid } },
  };
}

/** The whole of the chart below `top`, with the axes' labels and names inside. */
function gridLook(top) {
  return { left: 2, right: 12, top, bottom: 2, outerBoundsMode: "same", outerBoundsContain: "all" };
}

function legendLook(colours) {
  return { type: "plain", top: 0, left: 0, itemWidth: 14, itemHeight: 10, itemGap: 10, textStyle: { color: colours.text, fontSize: 11 } };
}

/** Height of a legend that wraps: estimated from the length of its names. */
function legendHeight(names, width) {
  let lines = 1;
  let used = 0;
  for (const name of names) {
    const size = name.length * 6.3 + 30;
    if (used + size > width && used) {
      lines += 1;
      used = 0;
    }
    used += size;
  }
  return lines * 22 + 6;
}
