// A prompt tried through the gateway; with stand-ins, a provider is broken and the seam is seen in the text.

import { get, post, tryOut } from "../api.js";
import { fill, h, panel } from "../dom.js";
import { seconds } from "../format.js";
import { has, t } from "../words.js";
import { simulatedTag } from "./now.js";

const faultHelp = (kind) => (has(`fault.${kind.name}`) ? t(`fault.${kind.name}`) : kind.help);

export function tryView(session) {
  const prompt = h("textarea", { id: "prompt", name: "prompt", maxlength: "20000", value: t("try.example") });
  const model = h("select", { id: "model" }, h("option", { value: "auto" }, t("try.default_chain")));
  const answer = h("div", { class: "answer", id: "answer", tabindex: "0", role: "region", "aria-label": t("try.answer") });
  const status = h("p", { class: "note", id: "try-status", role: "status" });
  const send = h("button", { class: "main", type: "submit" }, t("try.send"));
  const stop = h("button", { type: "button", disabled: true, onclick: () => running?.abort() }, t("try.stop"));
  let running = null;

  async function submit(event) {
    event.preventDefault();
    if (running || !prompt.value.trim()) return;
    running = new AbortController();
    send.disabled = true;
    stop.disabled = false;
    fill(answer);
    status.textContent = t("try.asking");
    const began = performance.now();
    let first = null, seams = 0, head = {}, speaker = "", failed = null;
    const hear = (name, data) => {
      if (name === "text") {
        first ??= (performance.now() - began) / 1000;
        answer.append(data.text); // a text node
      } else if (name === "seam") {
        seams += 1;
        speaker = data.target;
        answer.append(h("span", { class: "seam" }, t(data.restarted ? "try.restarted" : "try.seam", data)));
      } else if (name === "error") failed = data.message;
    };
    try {
      await tryOut({ model: model.value, stream: true, messages: [{ role: "user", content: prompt.value }] }, hear, running.signal, (said) => { head = said; speaker = said.target ?? ""; });
    } catch (error) {
      failed = error.name === "AbortError" ? t("try.stopped") : error.message || t("error.unreachable");
    }
    const total = (performance.now() - began) / 1000;
    const said = failed ?? t(seams ? "try.done_seams" : "try.done", { target: speaker, first: seconds(first), total: seconds(total), seams });
    fill(status, said, " ", simulatedTag(head.simulated), head.id && [" ", h("a", { href: `#/requests/${encodeURIComponent(head.id)}` }, t("try.story"))]);
    status.className = failed ? "words bad" : "note";
    running = null;
    send.disabled = false;
    stop.disabled = true;
  }

  prompt.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  const form = h("form", { class: "body form stacked", onsubmit: submit },
    h("label", { for: "prompt", class: "sr" }, t("try.prompt")), prompt,
    h("div", { class: "form" }, h("label", { for: "model" }, t("try.to"), model), send, stop, h("span", { class: "small" }, t("try.shortcut"))));
  const outages = h("div");
  const element = h("div", { class: "view" }, h("div", { class: "head" }, h("h1", null, t("nav.try")), h("p", { class: "note" }, t(session.sandbox ? "try.note_sandbox" : "try.note"))));
  if (!session.act) {
    element.append(h("p", { class: "notice" }, t("try.scope")));
    return { element };
  }
  const asking = panel(t("try.prompt"), "", form, h("div", { class: "body" }, status), answer);
  element.append(session.sandbox ? h("div", { class: "columns" }, asking, panel(t("try.break"), t("try.break_note"), outages)) : asking);

  async function start() {
    const settings = await get("/settings");
    for (const chain of settings.chains) if (chain.name) model.append(h("option", { value: chain.name }, t("try.chain", { name: chain.name })));
    for (const target of settings.targets) if (target.usable) model.append(h("option", { value: target.name }, `${target.name} (${target.model})`));
    if (session.sandbox) fill(outages, switches(await get("/faults")));
  }
  return { element, start, leave: () => running?.abort() };
}

function switches(board) {
  const who = h("select", { id: "broken-provider" }, board.providers.map((name) => h("option", { value: name }, name)));
  const phases = [...new Set(board.kinds.map((kind) => kind.phase))];
  const how = h("select", { id: "fault" }, phases.map((phase) => h("optgroup", { label: t(`phase.${phase}`) },
    board.kinds.filter((kind) => kind.phase === phase).map((kind) => h("option", { value: kind.name }, kind.name)))));
  const once = h("input", { type: "checkbox", id: "once" });
  const help = h("p", { class: "note", id: "fault-help" });
  const broken = h("div");
  const said = h("p", { class: "words bad", role: "alert" });
  const kind = () => board.kinds.find((each) => each.name === how.value);
  how.setAttribute("aria-describedby", "fault-help");
  how.value = "cut";

  const explain = () => {
    help.textContent = faultHelp(kind());
    once.disabled = !kind().once;
  };
  const list = (now) => {
    const names = Object.entries(now.broken);
    fill(broken, names.length ? h("ul", null, names.map(([name, fault]) => h("li", { class: "form" }, h("span", { class: "state bad" }, h("span", { class: "dot" }), `${name}: ${fault}`),
      h("button", { type: "button", "aria-label": t("try.heal_named", { name }), onclick: () => change({ provider: name, fault: "" }) }, t("try.heal"))))) : h("p", { class: "note" }, t("try.none_broken")));
  };
  const change = async (body) => {
    said.textContent = "";
    try {
      list(await post("/faults", body));
    } catch (error) {
      said.textContent = error.message || t("error.unreachable");
    }
  };
  how.addEventListener("change", explain);
  explain();
  list(board);
  return h("form", { class: "body form stacked", onsubmit: (event) => { event.preventDefault(); change({ provider: who.value, fault: how.value + (once.checked && kind().once ? ":times=1" : "") }); } },
    h("div", { class: "form" }, h("label", { for: "broken-provider" }, t("provider"), who), h("label", { for: "fault" }, t("try.fault"), how)),
    help, h("div", { class: "form" }, h("label", { for: "once" }, once, t("try.once")), h("button", { type: "submit", id: "break" }, t("try.break_it"))), said, broken);
}
