import { get } from "../api.js";
import { fill, h, panel, table } from "../dom.js";
import { atMost, count, dollars, likely, moment, percent, seconds } from "../format.js";
import { t } from "../words.js";
import { picker } from "./history.js";
import { simulatedTag } from "./now.js";

const number = (name, cell) => ({ name, num: true, cell });

function costColumns() {
  return [
    { name: t("day"), full: true, cell: (row) => row.day },
    { name: t("target"), cell: (row) => row.target },
    { name: t("key"), cell: (row) => (row.key ? h("span", { class: "mono" }, row.key) : "") },
    { name: t("model"), cell: (row) => row.model },
    number(t("requests"), (row) => count(row.requests)),
    number(t("attempts"), (row) => count(row.attempts)),
    number(t("tokens"), (row) => `${count(row.prompt_tokens)} / ${count(row.output_tokens)}`),
    number(t("likely"), (row) => (row.attempts === row.unpriced ? "" : likely(row.cost, row.bound))),
    number(t("at_most"), (row) => (row.attempts === row.unpriced ? "" : atMost(row.cost, row.bound))),
  ];
}

function fact(name, value, note) {
  return h("div", null, h("dt", null, name), h("dd", null, value || "–", note && h("div", { class: "small" }, note)));
}

function balance(each) {
  const body = [
    h("dl", { class: "body facts" },
      fact(t("balance.rescued"), count(each.rescued), t("balance.of", { share: percent(each.rescued, each.requests) || "0 %", count: count(each.requests) })),
      fact(t("balance.failed"), count(each.failed), percent(each.failed, each.requests)),
      fact(t("balance.delay"), each.delay_p50 === null ? "" : `${seconds(each.delay_p50)} · ${seconds(each.delay_p95)}`, t("balance.delay_note")),
      fact(t("balance.seams"), count(each.seams)),
      fact(t("balance.hedges"), count(each.hedges)),
      fact(`${t("balance.extra")} · ${t("likely")}`, likely(each.extra, each.extra_bound), percent(Number(each.extra), Number(each.spent)) && t("balance.of_spent", { share: percent(Number(each.extra), Number(each.spent)) })),
      fact(`${t("balance.extra")} · ${t("at_most")}`, atMost(each.extra, each.extra_bound))),
    h("div", { class: "body" }, h("details", null, h("summary", null, t("balance.how")), h("p", { class: "note" }, t("balance.computed", { attempts: count(each.attempts), since: moment(each.since), unpriced: count(each.unpriced) })))),
  ];
  const made = panel(t("balance.title"), t("balance.note", { count: count(each.requests) }), body);
  if (each.simulated) made.querySelector("h2").append(simulatedTag(true));
  return made;
}

function budgets(settings) {
  const names = new Map((settings.keys ?? []).map((key) => [`key:${key.id}`, t("budget.key", { name: key.name })]));
  const name = (row) => (row.name === "all" ? t("budget.all") : names.get(row.name) ?? row.name);
  const columns = [{ name: t("budget"), full: true, cell: name }, number(t("budget.limit"), (row) => dollars(row.limit)),
    number(t("budget.left"), (row) => (row.left === null ? t("budget.unused") : dollars(row.left))), number(t("budget.used"), (row) => (row.left === null ? "" : percent(Number(row.limit) - Number(row.left), Number(row.limit))))];
  const quotas = [{ name: t("target"), full: true, cell: (row) => row.target }, { name: t("quota"), cell: (row) => t("quota.of", { unit: t(`unit.${row.unit}`), window: t(`window.${row.window}`) }) }, number(t("budget.left"), (row) => count(row.left))];
  return [
    panel(t("budgets"), t("budget.note"), settings.budgets.length ? table(t("budgets"), columns, settings.budgets) : h("p", { class: "empty" }, t("budget.none"))),
    panel(t("quotas"), t("quota.note"), settings.quotas.length ? table(t("quotas"), quotas, settings.quotas) : h("p", { class: "empty" }, t("quota.none"))),
  ];
}

export function moneyView() {
  let days = 7;
  const shown = h("div", { class: "view" });

  async function load() {
    const [found, settings] = await Promise.all([get(`/money?days=${days}`), get("/settings")]);
    const parts = found.parts.map((part) => {
      const made = panel(t(`part.${part.kind}`), t("part.total", { requests: count(part.requests), cost: likely(part.cost, part.bound), bound: atMost(part.cost, part.bound) }),
        table(t(`part.${part.kind}`), costColumns(), part.rows), part.left_out > 0 && h("p", { class: "empty" }, t("left_out", { count: part.left_out })));
      if (part.kind === "simulated") made.querySelector("h2").append(simulatedTag(true));
      return made;
    });
    fill(shown, found.balances.map(balance), parts.length ? parts : h("p", { class: "notice" }, t("money.none")), budgets(settings));
  }

  const element = h("div", { class: "view" }, h("div", { class: "head" }, h("h1", null, t("nav.money")),
    picker(t("history.range"), [[1, t("range.today")], [7, t("range.week")], [30, t("range.month")], [92, t("range.quarter")]], days, (value) => { days = value; load(); }),
    h("p", { class: "note" }, t("money_legend"))), shown);
  return { element, start: load };
}
