// Charts over time, in the page's colours. Each has a text beside it that says the same to those who don't see it.

import { ticks } from "./format.js";

const uPlot = window.uPlot;
const HEIGHT = 130;

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const faded = (name, share) => `color-mix(in srgb, ${colour(name)} ${share}%, transparent)`;

function axes(unit) {
  const common = { stroke: colour("--soft"), font: "11px system-ui", ticks: { show: false }, grid: { stroke: colour("--line"), width: 1 } };
  const words = (_, splits, __, ___, step) => ticks(splits, step);
  return [
    { ...common, grid: { show: false }, values: words, size: 26 },
    { ...common, values: (_, splits) => splits.map(unit), size: 52 },
  ];
}

// Draws into `place` and follows its width and the colour scheme. `series` are { fill, dash, width, points }; returns { set, end }.
export function chart(place, { series, unit, data, bands }) {
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  let latest = data, plot = null;
  const make = () => {
    plot?.destroy();
    plot = new uPlot({
      width: Math.max(200, place.clientWidth - 18), height: HEIGHT,
      padding: [8, 16, 0, 0], legend: { show: false }, cursor: { show: false }, select: { show: false },
      scales: { y: { range: (_, __, most) => [0, Math.max(most * 1.1, 1e-3)] } },
      axes: axes(unit),
      bands: bands ? [{ series: bands, fill: faded("--accent", 18) }] : [],
      series: [{}, ...series.map((each) => ({
        stroke: colour("--accent"), width: each.width ?? 1.5, dash: each.dash, points: { show: each.points ?? false, size: 5, fill: colour("--accent") }, spanGaps: false,
        fill: each.fill ? faded("--accent", 16) : undefined,
      }))],
    }, latest, place);
  };
  make();
  const watcher = new ResizeObserver(() => plot.setSize({ width: Math.max(200, place.clientWidth - 18), height: HEIGHT }));
  watcher.observe(place);
  scheme.addEventListener("change", make);
  return {
    set(next) { latest = next; plot.setData(next); },
    end() { watcher.disconnect(); scheme.removeEventListener("change", make); plot.destroy(); },
  };
}
