import { get } from "../api.js";
import { fill, h, panel, table } from "../dom.js";
import { atMost, likely, moment, seconds } from "../format.js";
import { because, outcomeWord } from "../sentences.js";
import { t } from "../words.js";
import { simulatedTag } from "./now.js";

export const TONES = { ok: "good", failed: "bad", cancelled: "", running: "warn" };

export function way(row) {
  return row.targets.join(" → ");
}

export function outcome(row) {
  const why = row.state === "failed" || (row.state === "ok" && row.outcome !== "ok") ? because(row.outcome) : "";
  return [h("span", { class: `state ${TONES[row.state]}` }, h("span", { class: "dot" }), outcomeWord(row.state)),
    why && h("div", { class: "small" }, row.state === "ok" ? t("requests.after", { what: `${row.targets[0]} – ${why}` }) : why)];
}

function columns() {
  return [
    { name: t("when"), full: true, cell: (row) => [h("a", { href: `#/requests/${encodeURIComponent(row.request_id)}` }, moment(row.started, true)), simulatedTag(row.simulated, row.mixed)] },
    { name: t("way"), full: true, plain: true, cell: (row) => [way(row), h("div", { class: "small" }, row.model)] },
    { name: t("outcome"), full: true, plain: true, cell: outcome },
    { name: t("first_content"), num: true, cell: (row) => seconds(row.felt.first) },
    { name: t("in_all"), num: true, cell: (row) => seconds(row.seconds) },
    { name: t("attempts"), num: true, cell: (row) => row.attempts },
    { name: t("likely"), num: true, cell: (row) => likely(row.cost, row.bound) },
    { name: t("at_most"), num: true, cell: (row) => atMost(row.cost, row.bound) },
  ];
}

export function requestsView() {
  let trouble = false, before = null;
  const shown = h("div");
  const rows = [];
  const more = h("button", { onclick: () => load() }, t("requests.earlier"));
  const again = h("button", { onclick: () => restart() }, t("refresh"));
  const only = h("input", { type: "checkbox", id: "trouble", onchange: () => { trouble = only.checked; restart(); } });

  async function load() {
    const query = new URLSearchParams({ limit: "50", ...(trouble && { trouble: "1" }), ...(before && { before: String(before) }) });
    const found = await get(`/requests?${query}`);
    rows.push(...found.requests);
    before = found.before;
    more.hidden = before === null;
    fill(shown, rows.length ? table(t("nav.requests"), columns(), rows) : h("p", { class: "empty" }, t("requests.none")));
  }

  function restart() {
    rows.length = 0;
    before = null;
    return load();
  }

  const element = h("div", { class: "view" }, h("div", { class: "head" }, h("h1", null, t("nav.requests")), h("p", { class: "note" }, t("money_legend"))),
    h("div", { class: "form" }, h("label", { for: "trouble" }, only, t("requests.trouble")), again),
    h("section", { class: "panel", "aria-label": t("nav.requests") }, shown), h("div", null, more));
  return { element, start: load };
}
