// What goes on now: looks come by server-sent events, and only while somebody looks.

import { events, get } from "../api.js";
import { chart } from "../charts.js";
import { fill, h, keyed, panel, table, tableRow } from "../dom.js";
import { clock, count, percent, rate, seconds, span } from "../format.js";
import { changed, felt, happened, stateWord, toneOf } from "../sentences.js";
import { t } from "../words.js";

const SPOKEN_EVERY = 10_000; // a screen reader is told of news at most so often, in milliseconds
const CHART = 300; // seconds
const AGAIN = 1500; // milliseconds until a stream that was refused is asked for once more

export function simulatedTag(is, mixed = false) {
  return is && h("span", { class: "tag" }, t(mixed ? "mixed" : "simulated"));
}

function columns() {
  const waits = (name) => (row) => seconds(row.traffic[name]);
  return [
    { name: t("target"), full: true, cell: (row) => [h("span", { class: "whole" }, row.target, simulatedTag(row.simulated)), h("div", { class: "small" }, row.model)] },
    { name: t("state"), full: true, plain: true, cell: (row) => [h("span", { class: `state ${toneOf(row.state)}` }, h("span", { class: "dot" }), stateWord(row.state, row.recovers_in)), row.reason && row.state !== "ready" && h("div", { class: "small" }, row.reason)] },
    { name: t("per_second"), num: true, cell: (row) => rate(row.rate) },
    { name: t("in_flight"), num: true, cell: (row) => count(row.traffic.running) },
    { name: t("first_p50"), num: true, cell: waits("first_p50") },
    { name: t("first_p95"), num: true, cell: waits("first_p95") },
    { name: t("failed"), num: true, cell: (row) => (row.traffic.attempts ? percent(row.traffic.failed, row.traffic.attempts) : "") },
  ];
}

function figure(name, value, unit) {
  return h("div", null, h("dt", null, name), h("dd", null, value, unit && h("small", null, unit)));
}

function item(event) {
  const { simulated, mixed } = event.change ?? event.row;
  const time = h("div", { class: "at" }, h("time", { datetime: new Date(event.at * 1000).toISOString() }, clock(event.at)), simulated && h("small", null, t(mixed ? "mixed" : "simulated")));
  if (event.change) {
    return h("li", null, time, h("span", { class: "said" }, h("span", { class: `dot ${event.tone}` }), " ", changed(event.change)), event.change.reason && h("span", { class: "why" }, event.change.reason));
  }
  const row = event.row;
  return h("li", null, time,
    h("span", { class: "said" }, h("a", { href: `#/requests/${encodeURIComponent(row.request_id)}` }, happened(row))),
    h("span", { class: "felt" }, felt(row)));
}

const GOOD = new Set(["closed", "ready"]);

function eventsOf(now) {
  const requests = now.requests.map((row) => ({ key: row.request_id, at: row.started, row, print: JSON.stringify([row.state, row.felt, row.targets]) }));
  const changes = now.changes.map((change) => ({ key: change.id, at: change.at, change, tone: GOOD.has(change.after) ? "good" : change.after === "half_open" ? "warn" : "bad", print: "" }));
  return [...requests, ...changes].sort((one, other) => other.at - one.at).slice(0, 50);
}

// The figures and the chart of models, or of stand-ins.
function board(simulated) {
  const tag = simulatedTag(simulated);
  const figures = h("dl", { class: "figures" });
  const place = h("div", { class: "chart", role: "img" });
  const shown = panel(t("now.traffic"), t("now.traffic_note"), place);
  if (tag) shown.querySelector("h2").append(tag.cloneNode(true));
  const begun = new Map();
  let drawn = null;

  function draw(totals, now) {
    fill(figures,
      figure(t("in_flight"), count(totals.running)),
      figure(t("now.rate"), rate(totals.rate), t("per_s")),
      figure(t("now.answered"), count(totals.answered)),
      figure(t("now.rescued"), count(totals.rescued)),
      figure(t("now.failed"), count(totals.failed)));
    const current = Math.floor(now.at / now.bucket) * now.bucket, last = current - now.bucket, from = last - CHART;
    for (const [moment, number] of Object.entries(totals.begun)) begun.set(Number(moment), number);
    if (now.span < 2 * now.bucket) begun.set(current, totals.rate * now.bucket); // so busy that no bucket is seen whole
    for (const moment of begun.keys()) if (moment < from) begun.delete(moment);
    const moments = [], rates = [];
    for (let moment = from; moment <= last; moment += now.bucket) {
      moments.push(moment);
      rates.push((begun.get(moment) ?? 0) / now.bucket);
    }
    place.setAttribute("aria-label", t("now.traffic_text", { rate: rate(rates.at(-1)), most: rate(Math.max(...rates)) }));
    if (drawn) drawn.set([moments, rates]);
    else drawn = chart(place, { data: [moments, rates], series: [{ fill: true }], unit: (value) => rate(value) });
  }

  return { figures: tag ? h("div", { class: "marked" }, figures, h("p", { class: "note" }, tag, " ", t("now.simulated"))) : figures, panel: shown, draw, end: () => drawn?.end() };
}

export function nowView() {
  const note = h("p", { class: "note" });
  const shownColumns = columns();
  const targets = table(t("now.targets"), shownColumns, []);
  const body = targets.querySelector("tbody");
  const feed = h("ol", { class: "feed", id: "feed" });
  const quiet = h("p", { class: "empty" }, t("now.quiet"));
  const strips = h("div", { class: "view" }), charts = h("div");
  const boards = new Map();
  let source = null, again = 0, told = new Set(), spokenAt = 0, first = true;

  const element = h("div", { class: "view" });
  charts.append(panel(t("now.targets"), t("now.targets_note"), targets));
  fill(element, h("div", { class: "head" }, h("h1", null, t("nav.now")), note), strips,
    h("div", { class: "columns" }, charts, panel(t("now.feed"), t("now.feed_note"), feed, quiet)));

  function draw(now) {
    for (const totals of now.totals) {
      if (!boards.has(totals.simulated)) {
        const made = board(totals.simulated);
        boards.set(totals.simulated, made);
        strips.append(made.figures);
        charts.append(made.panel);
      }
      boards.get(totals.simulated).draw(totals, now);
    }
    note.textContent = t("now.note", { span: span(now.span), time: clock(now.at) });
    keyed(body, now.targets, (row) => `${row.target} ${row.simulated}`, (row) => JSON.stringify([row, Math.round(row.recovers_in ?? -1)]), (row) => tableRow(shownColumns, row));
    const events = eventsOf(now);
    keyed(feed, events, (event) => event.key, (event) => event.print, item);
    quiet.hidden = events.length > 0;
    speak(events);
  }

  function speak(events) {
    const news = events.filter((event) => event.row && event.row.state !== "running" && !told.has(event.key));
    const now = Date.now();
    if (first || (news.length && now - spokenAt > SPOKEN_EVERY)) {
      if (!first && news.length) {
        document.getElementById("spoken").textContent = `${happened(news[0].row)} ${felt(news[0].row)}`;
        spokenAt = now;
      }
      told = new Set(events.map((event) => event.key));
    }
    first = false;
  }

  function live(on) {
    const shown = document.getElementById("live");
    if (!shown) return;
    shown.hidden = false;
    fill(shown, h("span", { class: `dot ${on ? "good" : "warn"}` }), t(on ? "live" : "reconnecting"));
  }

  function connect() {
    clearTimeout(again);
    source?.close();
    source = events();
    source.addEventListener("now", (event) => {
      live(true);
      draw(JSON.parse(event.data));
    });
    source.addEventListener("error", () => {
      live(false);
      // A browser gives up after an answer that is no stream: a refusal, or a proxy's error while the gateway starts again.
      if (source.readyState === EventSource.CLOSED) again = setTimeout(reconnect, AGAIN);
    });
  }

  async function reconnect() {
    const known = await get("/session").catch(() => null);
    if (known && !known.look) location.reload();
    else connect();
  }

  const seen = () => { clearTimeout(again); if (document.hidden) source?.close(); else connect(); };
  return {
    element,
    start() {
      connect();
      document.addEventListener("visibilitychange", seen);
    },
    leave() {
      clearTimeout(again);
      source?.close();
      for (const each of boards.values()) each.end();
      document.removeEventListener("visibilitychange", seen);
      const shown = document.getElementById("live");
      if (shown) shown.hidden = true;
    },
  };
}
