// The page's words. A key that a language lacks is shown in English, so a test compares the two.

import english from "./words/en.js";
import korean from "./words/ko.js";

const LANGUAGES = { en: english, ko: korean };
const PLACE = "segue.language";

let chosen = LANGUAGES[localStorage.getItem(PLACE)] ? localStorage.getItem(PLACE) : document.documentElement.lang;

export const language = () => chosen;
export const has = (key) => key in LANGUAGES[chosen];

export function choose(name) {
  chosen = name;
  localStorage.setItem(PLACE, name);
  document.documentElement.lang = name;
}

export function t(key, values = {}) {
  const text = LANGUAGES[chosen]?.[key] ?? english[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
}

document.documentElement.lang = chosen;
