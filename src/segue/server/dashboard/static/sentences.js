// What happened, in the words a person would use, and what the caller felt of it.

import { clock, seconds, span } from "./format.js";
import { has, t } from "./words.js";

const UNFELT = 0.1; // seconds that nobody notices before a first word

export const because = (outcome) => (has(`because.${outcome}`) ? t(`because.${outcome}`) : outcome);
export const outcomeWord = (outcome) => (has(`outcome.${outcome}`) ? t(`outcome.${outcome}`) : outcome);

export function happened(row) {
  const [first, ...others] = row.targets;
  const trouble = has(`happened.${row.outcome}`) ? t(`happened.${row.outcome}`, { target: first }) : t("happened.other", { target: first, outcome: row.outcome });
  if (row.state === "failed") return others.length ? t("happened.all", { trouble, targets: row.targets.join(", ") }) : `${trouble} ${t("happened.nobody")}`;
  if (row.state === "cancelled") return t("happened.left", { target: first });
  if (row.state === "running") return others.length ? `${trouble} ${t("happened.asked", { target: row.targets.at(-1) })}` : t("happened.running", { target: first });
  const raced = row.outcome === "ok";
  if (raced) return t(row.answered_by === first ? "happened.raced_kept" : "happened.raced", { target: first, other: others[0] ?? first, winner: row.answered_by });
  if (row.answered_by === first) return `${trouble} ${t("happened.again", { target: first })}`;
  return `${trouble} ${t(row.felt.kind === "pause" ? "happened.went_on" : "happened.answered", { target: row.answered_by })}`;
}

export function felt(row) {
  const { kind, first, delay, pause, seams } = row.felt;
  const values = { first: seconds(first), delay: seconds(delay), pause: seconds(pause), seams, total: seconds(row.seconds) };
  const quick = kind === "later" && delay < UNFELT;
  return t(quick ? "felt.quick" : `felt.${kind}`, values);
}

export function changed(change) {
  const target = change.target || "?";
  const key = `changed.${change.after}`;
  const said = has(key) ? t(key, { target }) : t("changed.other", { target, after: change.after });
  return change.until ? `${said} ${t("changed.until", { time: clock(change.until) })}` : said;
}

const TONES = { ready: "good", cooling: "warn", off: "bad", "no key": "" };
export const toneOf = (state) => TONES[state] ?? "";

export function stateWord(state, recovers) {
  const word = t(`state.${state}`);
  return recovers === null || recovers === undefined ? word : `${word}, ${t("state.in", { span: span(recovers) })}`;
}
