/** How GENRE is running: tokens a second, roles and topics live, and the dead letters. */

import { letterList, letterPage } from "./letters.js";
import { rateChart } from "./rate_chart.js";
import { sortedTable } from "./sorted_table.js";
import { words } from "./flow_words.js";

const KEPT = 300; // seconds of the chart
const ROWS = 12; // of the table beside it
const COUNTING = 10_000; // milliseconds between two counts of the dead letters

// What lasts while other views are shown.
const rates = [];
const sorting = {
  roles: { key: "lag", isDown: true },
  topics: { key: "rate", isDown: true },
  letters: { key: "open", isDown: true },
};

export const view = {
  words,
  mount(root, page) {
    const [part, topic, code, place] = page.route;
    if (part !== "letters") return mountFlow(root, page);
    return place === undefined
      ? letterList(root, page, topic, code ?? "")
      : letterPage(root, page, topic, code, place);
  },
};

function mountFlow(root, page) {
  const leaving = new AbortController();
  let told = null; // the newest snapshot
  let problem = null;
  let letters = null; // {letters, unread}
  let lettersProblem = null;
  let chart = null; // null: not drawn yet, false: not to be had
  let timer = 0;

  const draw = () => {
    if (leaving.signal.aborted) return;
    page.render(desk(page, { told, problem, letters, lettersProblem, chart, draw }), root);
    // Of one point, uPlot makes a day.
    if (rates.length > 1 && told !== null && chart === null) drawChart();
    if (chart) chart.update([rates.map((each) => each.at), rates.map((each) => each.rate)]);
  };

  async function drawChart() {
    const names = { time: page.say("time"), rate: page.say("tokens") };
    chart = undefined; // under way
    const made = await rateChart(root.querySelector(".chart"), names, page.language).catch(
      () => false,
    );
    chart = made;
    if (leaving.signal.aborted) chart && chart.end();
    else draw();
  }

  function take({ event, data }) {
    if (event === "flow") {
      [told, problem] = [data, null];
      remember(data);
      if (data.topics.some((each) => each.new_letters)) count();
    } else problem = data;
    draw();
  }

  async function count() {
    clearTimeout(timer);
    try {
      letters = await page.call("GET", "v1/dead-letters");
      lettersProblem = null;
    } catch (error) {
      lettersProblem = error;
    }
    if (leaving.signal.aborted) return;
    draw();
    timer = setTimeout(count, letters?.unread ? 1000 : COUNTING);
  }

  draw();
  count();
  const onState = (state) => {
    if (state === "broken") problem = { code: "unreachable" };
    draw();
  };
  page
    .stream("v1/flow", { signal: leaving.signal, onState }, take)
    .catch((error) => ((problem = error), draw()));
  return () => {
    leaving.abort();
    clearTimeout(timer);
    if (chart) chart.end();
  };
}

function remember({ time, tokens_per_second: rate }) {
  if (rates.at(-1)?.at === time) return;
  rates.push({ at: time, rate });
  while (rates[0].at < time - KEPT) rates.shift();
}

function desk(page, { told, problem, letters, lettersProblem, chart, draw }) {
  const { html, say } = page;
  if (told === null) {
    const text = problem === null ? say("waiting") : page.problem(problem);
    return html`<h1>${say("flow")}</h1>
      <p class="empty" aria-busy=${problem === null} role="status">${text}</p>`;
  }
  const since = page.date(new Date(1000 * told.time), { timeStyle: "medium" });
  return html`<h1>${say("flow")}</h1>
    <p class="notice" role="status" ?hidden=${problem === null}>
      ${problem === null ? "" : `${page.problem(problem)} ${say("broken", { time: since })}`}
    </p>
    ${figures(page, told)} ${alarms(page, told)}
    <section aria-labelledby="tokens-title">
      <h2 id="tokens-title">${say("chart")}</h2>
      <div class="beside">
        <div class="chart" aria-hidden="true">
          ${chart === false ? html`<p class="empty">${say("chart_none")}</p>` : ""}
        </div>
        ${rateTable(page)}
      </div>
    </section>
    <section aria-labelledby="roles-title">
      <h2 id="roles-title">${say("roles")}</h2>
      ${roles(page, told, draw)}
      <p class="about">${say("joined_about")}</p>
    </section>
    <section aria-labelledby="topics-title">
      <h2 id="topics-title">${say("topics")}</h2>
      ${told.topics.every((each) => each.written === 0)
        ? html`<p class="empty">${say("topics_empty")}</p>`
        : topics(page, told, draw)}
    </section>
    <section aria-labelledby="letters-title">
      <h2 id="letters-title">${say("letters")}</h2>
      ${counts(page, letters, lettersProblem, draw)}
    </section>`;
}

function figures(page, { tokens_per_second: tokens, latency, open }) {
  const { html, say } = page;
  const figure = (name, value, more) =>
    html`<div>
      <dt>${name}</dt>
      <dd>
        <strong>${value}</strong> <small>${more}</small>
      </dd>
    </div>`;
  const slow = latency && `${say("slow")}: ${seconds(page, latency.slow)}`;
  return html`<dl class="figures">
    ${figure(say("tokens"), tenths(page, tokens), tokens === null ? say("tokens_none") : "")}
    ${figure(say("latency"), seconds(page, latency?.median ?? null), slow ?? say("nobody_asked"))}
    ${figure(say("open"), page.number(open), "")}
  </dl>`;
}

function alarms(page, { alarms: found }) {
  const { html, say } = page;
  if (found.length === 0) return html`<p class="well">${say("all_well")}</p>`;
  const line = (each) =>
    html`<li>${say(each.code, { ...each, age: seconds(page, each.seconds ?? 0) })}</li>`;
  return html`<section class="alarms" aria-labelledby="alarms-title">
    <h2 id="alarms-title">${say("alarms")}</h2>
    <ul>
      ${found.map(line)}
    </ul>
  </section>`;
}

function rateTable(page) {
  const { html, say } = page;
  const line = ({ at, rate }) =>
    html`<tr>
      <td>${page.date(new Date(1000 * at), { timeStyle: "medium" })}</td>
      <td class="number">${tenths(page, rate)}</td>
    </tr>`;
  return html`<table class="rates">
    <caption class="unseen">
      ${say("chart")}
    </caption>
    <thead>
      <tr>
        <th scope="col">${say("time")}</th>
        <th scope="col" class="number">${say("rate")}</th>
      </tr>
    </thead>
    <tbody>
      ${rates.slice(-ROWS).reverse().map(line)}
    </tbody>
  </table>`;
}

function roles(page, told, redraw) {
  const { say } = page;
  const own = (key) => (row) => row[key];
  const text = (key, label) => ({ key, label, isText: true, of: own(key), show: own(key) });
  const count = (key) => (row) => shown(page, row[key]);
  const number = (key, label) => ({ key, label, of: own(key), show: count(key) });
  const time = (key, label, of) => ({ key, label, of, show: (row) => seconds(page, of(row)) });
  return sortedTable(page, {
    caption: say("roles"),
    rows: told.roles,
    sorting: sorting.roles,
    redraw,
    columns: [
      // The first ones are seen on a phone without scrolling.
      text("agent", say("agent")),
      number("lag", say("lag")),
      time("age", say("age"), (row) => row.age),
      number("rate", say("rate")),
      time("latency", say("latency_short"), (row) => row.latency?.median ?? null),
      time("slow", say("slow_short"), (row) => row.latency?.slow ?? null),
      number("workers", say("workers")),
      number("joined", say("joined")),
      text("role", say("role")),
      text("reads", say("reads")),
    ],
  });
}

function topics(page, told, redraw) {
  const { say } = page;
  const number = (key) => ({
    key,
    label: say(key),
    of: (row) => row[key],
    show: (row) => shown(page, row[key]),
  });
  const topic = (row) => row.topic;
  const name = { key: "topic", label: say("topic"), isText: true, of: topic, show: topic };
  return sortedTable(page, {
    caption: say("topics"),
    rows: told.topics,
    sorting: sorting.topics,
    redraw,
    columns: [name, number("rate"), number("kept"), number("written")],
  });
}

function counts(page, found, problem, redraw) {
  const { html, say } = page;
  if (problem !== null) return html`<p class="notice">${page.problem(problem)}</p>`;
  if (found === null) return html`<p class="empty" aria-busy="true">${say("counting")}</p>`;
  const unread = html`<p class="notice" role="status" ?hidden=${!found.unread}>
    ${say("unread", { count: page.number(found.unread) })}
  </p>`;
  if (found.letters.length === 0) {
    return found.unread ? unread : html`<p class="empty">${say("letters_none")}</p>`;
  }
  const link = ({ topic, code }) =>
    html`<a href=${`#flow/letters/${encodeURIComponent(topic)}/${encodeURIComponent(code)}`}
      >${code}</a
    >`;
  const topic = (row) => row.topic;
  const number = (key, label, of) => ({ key, label, of, show: (row) => page.number(of(row)) });
  return html`<p>${say("letters_about")}</p>
    ${unread}
    ${sortedTable(page, {
      caption: say("letters"),
      rows: found.letters,
      sorting: sorting.letters,
      redraw,
      columns: [
        { key: "code", label: say("code"), isText: true, of: (row) => row.code, show: link },
        { key: "topic", label: say("topic"), isText: true, of: topic, show: topic },
        number("open", say("not_replayed"), (row) => row.letters - row.replayed),
        number("letters", say("count"), (row) => row.letters),
        number("replayed", say("replayed_count"), (row) => row.replayed),
      ],
    })}`;
}

const shown = (page, value) =>
  value === null ? "–" : page.number(value, { maximumFractionDigits: value < 10 ? 1 : 0 });

const tenths = (page, value) =>
  value === null ? "–" : page.number(value, { maximumFractionDigits: 1 });

/** Seconds as people say them. */
function seconds(page, value) {
  if (value === null) return "–";
  const unit = (amount, name) =>
    page.number(amount, {
      style: "unit",
      unit: name,
      unitDisplay: "short",
      maximumFractionDigits: amount < 10 && name === "second" ? 2 : 0,
    });
  if (value < 120) return unit(value, "second");
  if (value < 7200) return unit(value / 60, "minute");
  return value < 172_800 ? unit(value / 3600, "hour") : unit(value / 86_400, "day");
}
