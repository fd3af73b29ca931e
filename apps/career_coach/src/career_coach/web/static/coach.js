// Makes the pages live. They work without it: forms are sent, and the page shows what there is when it is loaded again.
"use strict";

const LARGEST = 5 * 1024 * 1024;
const notice = document.getElementById("notice");

function say(text, bad = false) {
  if (!notice) return;
  notice.textContent = text;
  notice.classList.toggle("bad", bad);
}

function upload(form) {
  const input = form.querySelector("input[type=file]");
  const send = () => {
    const file = input.files[0];
    if (!file) return;
    if (file.size > LARGEST) {
      say(form.dataset.tooLarge.replace("{name}", file.name), true);
      input.value = "";
      return;
    }
    say(form.dataset.reading.replace("{name}", file.name));
    form.requestSubmit();
  };
  input.addEventListener("change", send);
  for (const kind of ["dragenter", "dragover"])
    form.addEventListener(kind, (event) => { event.preventDefault(); form.classList.add("over"); });
  for (const kind of ["dragleave", "drop"])
    form.addEventListener(kind, () => form.classList.remove("over"));
  form.addEventListener("drop", (event) => {
    event.preventDefault();
    if (!event.dataTransfer.files.length) return;
    input.files = event.dataTransfer.files;
    send();
  });
  // A file dropped beside the form must not replace the page.
  for (const kind of ["dragover", "drop"]) document.addEventListener(kind, (event) => event.preventDefault());
}

// Replaces the parts that differ, by their ids, and leaves the others alone: what is being typed in them stays.
function show(place, html) {
  const made = document.createElement("template");
  made.innerHTML = html; // rendered by the server, which escapes every text in it
  let before = null;
  for (const part of [...made.content.children]) {
    const old = document.getElementById(part.id);
    if (!old) {
      part.classList.add("fresh");
      if (before) before.after(part); else place.prepend(part);
      before = part;
    } else if (old.dataset.digest !== part.dataset.digest) {
      replace(old, part);
      before = part;
    } else {
      before = old;
    }
  }
}

function replace(old, part) {
  const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
  old.querySelectorAll("details").forEach((each, index) => {
    if (each.open) part.querySelectorAll("details")[index]?.setAttribute("open", "");
  });
  old.querySelectorAll("textarea").forEach((each) => {
    const same = each.id && part.querySelector(`#${CSS.escape(each.id)}`);
    if (same) same.value = each.value;
  });
  old.replaceWith(part);
  if (focused) document.getElementById(focused)?.focus();
}

function follow(place) {
  if (place.source) return;
  const source = (place.source = new EventSource(place.dataset.events));
  source.addEventListener("part", (event) => { say(""); show(place, event.data); });
  source.addEventListener("rest", () => { source.close(); place.source = null; });
  source.addEventListener("error", () => {
    say(place.dataset.offline);
    if (source.readyState === EventSource.CLOSED) {
      place.source = null;
      setTimeout(() => follow(place), 2000);
    }
  });
}

// A practised answer is sent without leaving the page.
function practise(place) {
  place.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.matches("form[data-live]")) return;
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    try {
      const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
      if (!answer.ok) throw new Error(String(answer.status));
      follow(place);
    } catch {
      say(place.dataset.offline, true);
    } finally {
      button.disabled = false;
    }
  });
}

const form = document.getElementById("upload");
if (form) upload(form);
const results = document.getElementById("results");
if (results) {
  if ("running" in results.dataset) follow(results);
  practise(results);
}
document.getElementById("print")?.addEventListener("click", () => window.print());
