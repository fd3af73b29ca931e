// Numbers, moments and money, in the reader's language.

import { language, t } from "./words.js";

export function seconds(value) {
  if (value === null || value === undefined) return "";
  if (value < 0.0005) return "<1 ms";
  if (value < 0.9995) return `${Math.round(value * 1000)} ms`;
  if (value < 99.95) return `${value.toFixed(value < 9.995 ? 2 : 1)} s`;
  return span(value);
}

export function span(value) {
  for (const [unit, word] of [[86400, "d"], [3600, "h"], [60, "min"]]) if (value >= 2 * unit) return `${Math.round(value / unit)} ${t(word)}`;
  return `${Math.round(value)} ${t("s")}`;
}

export function count(value) {
  return new Intl.NumberFormat(language()).format(value);
}

export function rate(value) {
  if (!value) return "0";
  return value < 10 ? value.toFixed(1) : count(Math.round(value));
}

export function percent(part, whole) {
  if (!whole) return "";
  const share = (100 * part) / whole;
  return share === 0 ? "0 %" : share < 1 ? "<1 %" : `${share.toFixed(share < 10 ? 1 : 0)} %`;
}

// US dollars with three significant digits below a dollar, cents above; "" where no price is known.
export function dollars(value) {
  if (value === null || value === undefined) return "";
  const amount = Number(value);
  if (amount === 0) return "$0";
  if (Math.abs(amount) >= 1) return `$${new Intl.NumberFormat(language(), { minimumFractionDigits: 2, maximumFractionDigits: 2 }).format(amount)}`;
  return `$${amount.toFixed(Math.min(9, 2 - Math.floor(Math.log10(Math.abs(amount)))))}`;
}

// Money that is not certain has a sign: ~ for what it likely was, ≤ for the most that can have been billed.
export function likely(cost, bound) {
  return Number(cost ?? 0) === Number(bound ?? 0) ? dollars(cost) : `~${dollars(cost)}`;
}

export function atMost(cost, bound) {
  return Number(cost ?? 0) === Number(bound ?? 0) ? dollars(bound) : `≤${dollars(bound)}`;
}

export function clock(epoch) {
  return new Intl.DateTimeFormat(language(), { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" }).format(epoch * 1000);
}

// The words of a time axis whose marks are `step` seconds apart, each of them once: seconds where marks share a minute, dates where they share an hour.
export function ticks(moments, step) {
  const form = (fields) => new Intl.DateTimeFormat(language(), { ...fields, hourCycle: "h23" });
  const date = form({ month: "numeric", day: "numeric" });
  const time = form({ hour: "2-digit", minute: "2-digit", second: step < 60 ? "2-digit" : undefined });
  let day = "";
  return moments.map((at) => {
    const before = day;
    day = date.format(at * 1000);
    return step >= 86400 || (before && day !== before) ? day : time.format(at * 1000);
  });
}

export function moment(epoch, exact = false) {
  return new Intl.DateTimeFormat(language(), { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: exact ? "2-digit" : undefined, hourCycle: "h23" }).format(epoch * 1000);
}
