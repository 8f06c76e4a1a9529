"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const dark = matchMedia("(prefers-color-scheme: dark)");

// Tables
window.tables?.then(({ default: DataTable }) => {
  for (const table of document.querySelectorAll("table.sortable"))
    new DataTable(table, { paging: false, searching: false, info: false, order: [], autoWidth: false });
  document.documentElement.dataset.tables = "ready";
});

// Charts
const ink = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function theme() {
  const [text, line] = [ink("--ink"), ink("--line")];
  const axis = { labelColor: text, titleColor: text, gridColor: line, domainColor: line, tickColor: line };
  return { background: "transparent", axis, text: { color: text } };
}

async function draw(place, name, curves) {
  const spec = structuredClone(data.charts[name]);
  if (curves) spec.datasets = { ...spec.datasets, curves };
  await vegaEmbed(place, spec, { actions: false, renderer: "svg", config: theme(), tooltip: { theme: dark.matches ? "dark" : "light" } });
}

async function drawAll() {
  for (const place of document.querySelectorAll("[data-chart]")) {
    const still = place.querySelector("img")?.cloneNode();
    try {
      await draw(place, place.dataset.chart);
    } catch {
      if (still) place.replaceChildren(still);
    }
  }
  document.documentElement.dataset.charts = "ready";
}
if (window.vegaEmbed) drawAll();
dark.addEventListener("change", drawAll);

// Maps
const dialog = document.getElementById("map");
let open = null;

function row(method, sample, kind, name, gallery) {
  const curve = gallery.curves[method]?.[sample];
  return curve ? curve.fraction.map((fraction, i) => ({ method, kind, fraction, value: curve[name][i] })) : [];
}

function rows(gallery, chosen, sample, name) {
  const kind = (method) => (method === chosen ? "chosen" : method === "random" ? "random" : "other");
  return gallery.methods.flatMap((method) => row(method, sample, kind(method), name, gallery));
}

function fill(list, pairs) {
  list.replaceChildren(
    ...pairs.flatMap(([name, value]) => {
      const [term, text] = [document.createElement("dt"), document.createElement("dd")];
      term.textContent = name;
      text.textContent = value === null || value === undefined ? "–" : value.toFixed(3).replace("-", "−");
      return [term, text];
    }),
  );
}

function show(button) {
  open = button;
  const { gallery: number, method: place, sample } = button.dataset;
  const gallery = data.galleries[number];
  const method = gallery.methods[place];
  dialog.querySelector("h2").textContent = method;
  dialog.querySelector("p").textContent = `${gallery.ids[sample]} · target ${gallery.targets[sample]}`;
  const input = button.closest("tr").querySelector(".input .shown").cloneNode(true);
  dialog.querySelector(".pictures").replaceChildren(input, button.querySelector(".shown").cloneNode(true));
  fill(dialog.querySelector("dl"), Object.entries(gallery.scores).map(([task, of]) => [task, of[method]?.[sample]]));
  const known = Boolean(gallery.curves[method]?.length);
  dialog.querySelector(".curves").hidden = !known;
  dialog.querySelector(".none").hidden = known;
  if (!dialog.open) dialog.showModal();
  if (known) for (const place of dialog.querySelectorAll("[data-curve]"))
    draw(place, place.dataset.curve, rows(gallery, method, sample, place.dataset.curve)).catch(() => place.replaceChildren("This chart could not be drawn."));
}

function step(columns, lines) {
  const cell = open.closest("td");
  const line = cell.parentElement.parentElement.rows[cell.parentElement.sectionRowIndex + lines];
  const next = line?.cells[cell.cellIndex + columns]?.querySelector("button");
  if (next) show(next);
}

const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
dialog.addEventListener("keydown", (event) => {
  if (!KEYS[event.key]) return;
  event.preventDefault();
  step(...KEYS[event.key]);
});
dialog.addEventListener("click", (event) => {
  const move = event.target.closest("[data-step]")?.dataset.step;
  if (move) step(...KEYS[move]);
  if (event.target === dialog || event.target.closest(".close")) dialog.close();
});
dialog.addEventListener("close", () => open?.focus());
for (const button of document.querySelectorAll("button.cell")) button.addEventListener("click", () => show(button));

// Copying
for (const button of document.querySelectorAll("button.copy"))
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.of).textContent);
    button.textContent = "Copied";
  });
