// A request's story: its attempts on a line of time, and what each was and cost.

import { get } from "../api.js";
import { fill, h, panel, table } from "../dom.js";
import { atMost, count, likely, moment, seconds } from "../format.js";
import { because, felt, happened, outcomeWord } from "../sentences.js";
import { t } from "../words.js";
import { simulatedTag } from "./now.js";
import { outcome } from "./requests.js";

const FINE = new Set(["ok", "cancelled", "pending", "lost", "skipped"]);

function bar(at, length, end, classes, children = []) {
  const element = h("div", { class: `bar-of ${classes}` }, children);
  element.style.left = `${(100 * at) / end}%`;
  element.style.width = `${(100 * length) / end}%`;
  return element;
}

function attemptBar(step, end) {
  const classes = [FINE.has(step.outcome) ? (step.outcome === "cancelled" ? "cancelled" : "") : "failed", step.hedge ? "hedge" : ""].join(" ");
  const seam = step.continuation && step.shown;
  const spoke = step.first_content === null ? null : h("span", { class: "spoke" });
  if (spoke) spoke.style.width = `${step.seconds ? 100 * (1 - Math.min(1, step.first_content / step.seconds)) : 0}%`;
  return bar(step.at, step.seconds, end, classes, [spoke, seam && h("span", { class: "joint" })]);
}

function word(step) {
  return [outcomeWord(step.outcome), step.status >= 400 ? ` · HTTP ${step.status}` : ""];
}

function role(step) {
  return step.hedge ? t("story.hedge") : step.continuation ? t("story.continuation") : "";
}

function timeline(story) {
  const end = Math.max(story.end, 0.001);
  const lines = [
    ...story.steps.map((step) => ({ at: step.at, who: step.target, bar: attemptBar(step, end) })),
    ...story.waits.map((wait) => ({ at: wait.at, who: t("story.wait"), bar: bar(wait.at, wait.seconds, end, "waiting") })),
  ].sort((one, other) => one.at - other.at);
  const axis = h("div", { class: "axis" }, [0, 0.5, 1].map((share) => {
    const tick = h("span", null, share ? seconds(share * end) : "0");
    tick.style.left = `${100 * share}%`;
    return tick;
  }));
  const legend = [["wait", "story.legend_wait"], ["spoke", "story.legend_spoke"], ["failed", "story.legend_failed"], ["joint", "story.legend_seam"], ["hedge", "story.legend_hedge"], ["pause", "story.wait"]];
  return h("div", { class: "body" },
    h("div", { role: "img", "aria-label": t("story.timeline_text", { attempts: story.steps.length, seconds: seconds(end) }) },
      lines.map((line) => h("div", { class: "line" }, h("div", { class: "who" }, line.who), h("div", { class: "track" }, line.bar))),
      h("div", { class: "line" }, h("div"), axis)),
    h("div", { class: "legend", "aria-hidden": "true" }, legend.map(([name, key]) => h("span", null, h("i", { class: `i-${name}` }), t(key)))));
}

function columns() {
  return [
    { name: t("target"), full: true, cell: (step) => [step.target, simulatedTag(step.simulated), role(step) && h("span", { class: "tag" }, role(step)), h("div", { class: "small" }, step.model)] },
    { name: t("story.began"), num: true, cell: (step) => step.at >= 0.0005 ? `+${seconds(step.at)}` : "0" },
    { name: t("first_content"), num: true, cell: (step) => seconds(step.first_content) },
    { name: t("story.took"), num: true, cell: (step) => seconds(step.seconds) },
    { name: t("outcome"), full: true, cell: (step) => [word(step), step.reason && h("div", { class: "small" }, step.reason)] },
    { name: t("story.shown"), cell: (step) => (step.shown ? t("yes") : t("no")) },
    { name: t("tokens"), num: true, cell: (step) => (step.prompt_tokens || step.output_tokens ? `${count(step.prompt_tokens)} / ${count(step.output_tokens)}` : "") },
    { name: t("likely"), num: true, cell: (step) => likely(step.cost, step.bound) },
    { name: t("at_most"), num: true, cell: (step) => atMost(step.cost, step.bound) },
  ];
}

function fact(name, ...value) {
  return h("div", null, h("dt", null, name), h("dd", null, value));
}

function bodies(reply) {
  if (reply.bodies !== "shown") return h("p", { class: "empty" }, t(`story.bodies_${reply.bodies}`));
  const { messages, answer, earlier } = reply.body;
  return [earlier > 0 && h("p", { class: "empty" }, t("story.earlier", { count: earlier })),
    [...messages, { role: "answer", text: answer }].map((each) => h("div", { class: "said-body" }, h("div", { class: "small" }, each.role), each.text || "–"))];
}

export function storyView(id) {
  const element = h("div", { class: "view" });
  return {
    element,
    async start() {
      const reply = await get(`/requests/${encodeURIComponent(id)}`);
      const { story } = reply, { row } = story;
      const route = story.policy ? `${story.policy}${story.route ? `: ${story.route}` : ""}` : t("story.as_written");
      fill(element,
        h("div", { class: "head" }, h("h1", null, t("story.title")), simulatedTag(row.simulated, row.mixed), h("p", { class: "note" }, h("a", { href: "#/requests" }, t("story.back")))),
        h("p", null, happened(row).replace(/\s+$/, ""), " ", h("span", { class: "note" }, felt(row))),
        panel(t("story.facts"), "", h("dl", { class: "body facts" },
          fact(t("outcome"), outcome(row)), fact(t("when"), moment(row.started, true)),
          fact(t("first_content"), seconds(row.felt.first) || "–"), fact(t("in_all"), seconds(row.seconds)),
          fact(t("likely"), likely(row.cost, row.bound) || "–"), fact(t("at_most"), atMost(row.cost, row.bound) || "–"),
          fact(t("chain"), row.chain || t("story.default_chain")), fact(t("story.route"), route),
          fact(t("key"), row.key ? h("span", { class: "mono" }, row.key) : "–"), fact(t("story.id"), h("span", { class: "mono" }, row.request_id)))),
        panel(t("story.timeline"), t("story.timeline_note"), timeline(story)),
        panel(t("attempts"), t("money_legend"), table(t("attempts"), columns(), story.steps)),
        panel(t("story.bodies"), "", bodies(reply)));
    },
  };
}
