// Light, dark or the system's choice; and the colours of the page as charts need them.

const THEMES = ["system", "light", "dark"];
const themeListeners = [];

/** A colour variable of report.css as rgb(): charts cannot take var() or light-dark(). */
function colour(name) {
  const probe = el("span", { style: { color: `var(--${name})`, display: "none" } });
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

let knownLook = null; // asking for it makes the browser lay the page out

function look() {
  const names = ["text", "soft", "line", "grid", "panel"];
  knownLook ??= Object.fromEntries(names.map((name) => [name, colour(name)]));
  return knownLook;
}

function remembered() {
  try {
    const theme = localStorage.getItem("accelsim-theme");
    return THEMES.includes(theme) ? theme : "system";
  } catch {
    return "system"; // a browser may refuse storage to local files
  }
}

function setTheme(theme) {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  document.getElementById("theme").textContent = `Theme: ${theme}`;
  try {
    localStorage.setItem("accelsim-theme", theme);
  } catch {
    // not remembered then
  }
  tellTheme();
}

function tellTheme() {
  knownLook = null;
  themeListeners.forEach((listener) => listener());
}

function startTheme() {
  let theme = remembered();
  setTheme(theme);
  document.getElementById("theme").addEventListener("click", () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    setTheme(theme);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", tellTheme);
}
