// Keys, targets, chains and knobs, to be looked at.

import { get } from "../api.js";
import { fill, h, panel, table } from "../dom.js";
import { count, dollars, moment } from "../format.js";
import { t } from "../words.js";
import { simulatedTag } from "./now.js";

function keyColumns() {
  return [
    { name: t("key"), full: true, cell: (key) => [key.name, h("div", { class: "small mono" }, key.id)] },
    { name: t("settings.scope"), cell: (key) => key.scope },
    { name: t("settings.rate"), num: true, cell: (key) => (key.rate ? count(key.rate) : "") },
    { name: t("settings.daily"), num: true, cell: (key) => (key.daily_budget ? dollars(key.daily_budget) : "") },
    { name: t("settings.models"), cell: (key) => key.models.join(", ") },
    { name: t("settings.created"), cell: (key) => moment(key.created) },
    { name: t("state"), cell: (key) => (key.revoked ? t("settings.revoked", { when: moment(key.revoked) }) : t("settings.in_use")) },
  ];
}

function targetColumns() {
  return [
    { name: t("target"), full: true, cell: (each) => [each.name, simulatedTag(each.simulated)] },
    { name: t("model"), cell: (each) => each.model },
    { name: t("provider"), cell: (each) => each.provider },
    { name: t("settings.dialect"), cell: (each) => each.dialect },
    { name: t("settings.host"), cell: (each) => each.host && h("span", { class: "mono" }, each.host) },
    { name: t("settings.has_key"), cell: (each) => t(each.key ? "yes" : "no") },
    { name: t("settings.usable"), cell: (each) => (each.usable ? t("yes") : [t("no"), each.problem && h("div", { class: "small" }, each.problem)]) },
  ];
}

function said(value) {
  if (value === null || value === undefined || value === "") return "–";
  if (Array.isArray(value)) return value.join(", ") || "–";
  if (typeof value === "boolean") return t(value ? "yes" : "no");
  return String(value);
}

function knobs(values, prefix = "") {
  const rows = [];
  for (const [name, value] of Object.entries(values)) {
    if (value && typeof value === "object" && !Array.isArray(value)) rows.push(...knobs(value, `${prefix}${name}.`));
    else rows.push(h("div", null, h("dt", { class: "mono" }, prefix + name), h("dd", null, said(value))));
  }
  return rows;
}

function chain(each) {
  return h("div", { class: "said-body" }, h("h3", null, each.name || t("try.default_chain")), h("p", null, each.targets.join(" → ")),
    h("details", null, h("summary", null, t("settings.policy")), h("dl", { class: "knobs" }, knobs(each.policy))));
}

export function settingsView() {
  const element = h("div", { class: "view" });
  return {
    element,
    async start() {
      const found = await get("/settings");
      fill(element, h("div", { class: "head" }, h("h1", null, t("nav.settings")), h("p", { class: "note" }, t("settings.note"))),
        panel(t("settings.keys"), t("settings.keys_note"), found.keys === null ? h("p", { class: "empty" }, t("settings.no_keys")) : table(t("settings.keys"), keyColumns(), found.keys)),
        panel(t("now.targets"), "", table(t("now.targets"), targetColumns(), found.targets)),
        panel(t("settings.chains"), "", found.chains.map(chain)),
        panel(t("settings.monitoring"), "", h("dl", { class: "body knobs" }, knobs({ ...found.monitoring, ledger: found.ledger, timezone: found.timezone }))),
        found.left_out > 0 && h("p", { class: "note" }, t("left_out", { count: found.left_out })));
    },
  };
}
