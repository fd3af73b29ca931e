// The page's frame: who is signed in, which view is shown, and in which language.

import { get, signOut } from "./api.js";
import { fill, h } from "./dom.js";
import { signInView } from "./views/signin.js";
import { nowView } from "./views/now.js";
import { requestsView } from "./views/requests.js";
import { storyView } from "./views/story.js";
import { tryView } from "./views/try.js";
import { historyView } from "./views/history.js";
import { moneyView } from "./views/money.js";
import { settingsView } from "./views/settings.js";
import { choose, language, t } from "./words.js";

const VIEWS = { now: nowView, requests: requestsView, try: tryView, history: historyView, money: moneyView, settings: settingsView };
const main = document.getElementById("main");

let session = null;
let leave = () => {};
let shown = 0;

async function show({ focus = false } = {}) {
  const turn = ++shown;
  leave();
  leave = () => {};
  if (!session?.look) {
    frame("");
    fill(main, signInView(session, begin));
    if (focus) main.focus();
    return;
  }
  const [name, id] = location.hash.replace(/^#\//, "").split("/").map(decodeURIComponent);
  const place = VIEWS[name] ? name : "now";
  frame(place);
  const view = place === "requests" && id ? storyView(id, session) : VIEWS[place](session);
  fill(main, view.element);
  leave = view.leave ?? leave;
  document.title = `${t(`nav.${place}`)} – Segue`;
  if (focus) main.focus({ preventScroll: false });
  try {
    await view.start?.();
  } catch (error) {
    if (turn !== shown) return;
    if (error.status === 401) return begin();
    fill(main, trouble(error));
  }
}

function trouble(error) {
  return h("div", { class: "notice bad", role: "alert" }, h("p", null, error.status === 0 ? t("error.unreachable") : t("error.said", { message: error.message })),
    h("p", null, h("button", { onclick: () => show() }, t("again"))));
}

function frame(place) {
  document.getElementById("skip").textContent = t("skip");
  const nav = document.getElementById("nav");
  nav.setAttribute("aria-label", t("nav"));
  const names = session?.look ? Object.keys(VIEWS) : [];
  fill(nav, h("ul", null, names.map((name) => h("li", null, h("a", { href: `#/${name}`, "aria-current": name === place && "page" }, t(`nav.${name}`))))));
  nav.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  const other = language() === "ko" ? "en" : "ko";
  fill(document.getElementById("tools"),
    h("span", { class: "live", id: "live", hidden: true }),
    h("button", { class: "plain", lang: other, id: "language", onclick: () => switchTo(other) }, other === "ko" ? "한국어" : "English"),
    session?.keys && session.look && h("button", { class: "plain", id: "sign-out", title: session.name, onclick: async () => { await signOut(); begin(); } }, t("sign_out")));
}

function switchTo(name) {
  choose(name);
  show().then(() => document.getElementById("language").focus());
}

async function begin() {
  try {
    session = await get("/session");
  } catch (error) {
    frame("");
    fill(main, trouble(error));
    return;
  }
  await show();
}

document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
window.addEventListener("hashchange", () => show({ focus: true }));
begin();
