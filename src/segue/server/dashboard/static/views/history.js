import { get } from "../api.js";
import { chart } from "../charts.js";
import { fill, h, panel, table } from "../dom.js";
import { count, moment, percent, seconds } from "../format.js";
import { because, changed } from "../sentences.js";
import { t } from "../words.js";
import { simulatedTag } from "./now.js";

const FINE = new Set(["ok", "cancelled", "pending", "lost", "skipped"]);

export function picker(label, choices, chosen, pick) {
  const group = h("div", { class: "pick", role: "group", "aria-label": label });
  const draw = (value) => fill(group, choices.map(([each, name]) => h("button", { "aria-pressed": String(each === value), onclick: () => { draw(each); group.querySelector("[aria-pressed=true]").focus(); pick(each); } }, name)));
  draw(chosen);
  return group;
}

function byTarget(spans) {
  const found = new Map();
  for (const each of spans) {
    const key = `${each.target} ${each.simulated}`;
    if (!found.has(key)) found.set(key, { target: each.target, simulated: each.simulated, spans: [], attempts: 0, ok: 0, failed: 0, left: {}, failures: {} });
    const row = found.get(key);
    row.spans.push(each);
    row.attempts += each.attempts;
    row.ok += each.outcomes.ok ?? 0;
    row.failed += each.failed;
    for (const [to, number] of Object.entries(each.left_for)) row.left[to] = (row.left[to] ?? 0) + number;
    for (const [outcome, number] of Object.entries(each.outcomes)) if (!FINE.has(outcome)) row.failures[outcome] = (row.failures[outcome] ?? 0) + number;
  }
  return [...found.values()].sort((one, other) => other.attempts - one.attempts);
}

const number = (cell) => ({ num: true, cell });

export function historyView() {
  let hours = 24, charts = [];
  const shown = h("div", { class: "view" });
  const end = () => { charts.forEach((each) => each.end()); charts = []; };

  async function load() {
    const found = await get(`/history?hours=${hours}`);
    const targets = byTarget(found.spans);
    end();
    const total = (kind) => targets.filter((row) => row.simulated === kind).reduce((sum, row) => sum + row.ok, 0);
    const shares = [
      { name: t("target"), full: true, cell: (row) => [row.target, simulatedTag(row.simulated)] },
      { name: t("history.share"), cell: (row) => { const share = h("span", { class: "share" }); share.style.width = percentWidth(row.ok, total(row.simulated)); return h("div", { class: "share-of", "aria-hidden": "true" }, share); } },
      { name: t("history.answers"), ...number((row) => `${count(row.ok)} · ${percent(row.ok, total(row.simulated)) || "0 %"}`) },
      { name: t("attempts"), ...number((row) => count(row.attempts)) },
      { name: t("failed"), ...number((row) => `${count(row.failed)} · ${percent(row.failed, row.attempts) || "0 %"}`) },
      { name: t("history.left_for"), cell: (row) => Object.entries(row.left).map(([to, times]) => `${to} ${count(times)}`).join(", ") },
    ];
    const classes = [...new Set(targets.flatMap((row) => Object.keys(row.failures)))].sort();
    const failures = [{ name: t("history.class"), full: true, cell: (name) => [because(name), h("span", { class: "small" }, ` ${name}`)] },
      ...targets.map((row) => ({ name: row.simulated ? `${row.target} (${t("simulated")})` : row.target, ...number((name) => (row.failures[name] ? count(row.failures[name]) : "")) }))];
    const changes = [{ name: t("when"), cell: (each) => moment(each.at) }, { name: t("history.what"), full: true, cell: (each) => [changed(each), simulatedTag(each.simulated), each.reason && h("div", { class: "small" }, each.reason)] }];
    const places = targets.map((row) => [row, h("div", { class: "chart", role: "img", "aria-label": waitsText(row) })]);
    fill(shown,
      !targets.length && h("p", { class: "notice" }, t("history.none")),
      targets.length > 0 && panel(t("history.shares"), "", table(t("history.shares"), shares, targets)),
      places.map(([row, place]) => { const made = panel(t("history.waits", { target: row.target }), t("history.waits_note"), place); if (row.simulated) made.querySelector("h2").append(simulatedTag(true)); return made; }),
      classes.length > 0 && panel(t("history.failures"), "", table(t("history.failures"), failures, classes)),
      found.changes.length > 0 && panel(t("history.changes"), "", table(t("history.changes"), changes, found.changes)),
      found.left_out > 0 && h("p", { class: "note" }, t("left_out", { count: found.left_out })));
    for (const [row, place] of places) charts.push(waits(place, row, found));
  }

  const element = h("div", { class: "view" }, h("div", { class: "head" }, h("h1", null, t("nav.history")),
    picker(t("history.range"), [[24, t("range.day")], [168, t("range.week")], [720, t("range.month")]], hours, (value) => { hours = value; load(); })), shown);
  return { element, start: load, leave: end };
}

function percentWidth(part, whole) {
  return `${whole ? (100 * part) / whole : 0}%`;
}

function waitsText(row) {
  const known = row.spans.filter((each) => each.first_p50 !== null).at(-1);
  return known ? t("history.waits_text", { target: row.target, p50: seconds(known.first_p50), p95: seconds(known.first_p95) }) : t("history.none");
}

function waits(place, row, found) {
  const known = new Map(row.spans.map((each) => [each.start, each]));
  const from = Math.floor(found.since / found.step) * found.step;
  const moments = [], low = [], high = [];
  for (let at = from; at <= found.until; at += found.step) {
    moments.push(at);
    low.push(known.get(at)?.first_p50 ?? null);
    high.push(known.get(at)?.first_p95 ?? null);
  }
  return chart(place, { data: [moments, high, low], series: [{ width: 1, dash: [4, 3], points: true }, { points: true }], bands: [1, 2], unit: (value) => (value ? seconds(value) : "0") });
}
