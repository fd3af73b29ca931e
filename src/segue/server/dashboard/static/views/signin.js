import { signIn } from "../api.js";
import { h, panel } from "../dom.js";
import { t } from "../words.js";

export function signInView(session, signedIn) {
  const said = h("p", { class: "words bad", role: "alert" });
  const field = h("input", { type: "password", id: "key", name: "key", autocomplete: "current-password", spellcheck: "false", required: true, "aria-describedby": "key-help" });
  const submit = async (event) => {
    event.preventDefault();
    said.textContent = "";
    try {
      await signIn(field.value.trim());
      field.value = "";
      signedIn();
    } catch (error) {
      said.textContent = error.status === 403 ? t("sign_in.scope") : error.status === 401 ? t("sign_in.unknown") : error.message || t("error.unreachable");
      field.select();
    }
  };
  const form = h("form", { class: "body", onsubmit: submit },
    h("p", { class: "note", id: "key-help" }, t("sign_in.help")),
    h("label", { for: "key" }, t("sign_in.key"), field), said,
    h("div", null, h("button", { class: "main", type: "submit" }, t("sign_in"))));
  const shown = panel(t("sign_in.title"), "", form);
  shown.classList.add("signin");
  queueMicrotask(() => field.focus()); // once the form is in the page
  shown.querySelector("h2").replaceWith(h("h1", null, t("sign_in.title")));
  return shown;
}
