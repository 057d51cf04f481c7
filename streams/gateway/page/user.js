/** What is believed about a user, what they were shown and said, and what they decide about it. */

import { beliefs, deviation, said, signed, spoken } from "./beliefs.js";
import { chart } from "./chart.js";
import { forget } from "./rounds.js";
import { who } from "./who.js";
import { words } from "./user_words.js";

// Milliseconds and turns in which a decision takes effect.
const PAUSE = 600,
  TURNS = 25;

export const view = { words, mount };

function mount(root, page) {
  let found = null; // of the gateway: {user, answers, complete}
  let problem = null;
  let turn = 0;
  let told = ""; // what has just been decided
  let endChart = () => {};

  const path = (rest = "") => `v1/users/${encodeURIComponent(page.user)}${rest}`;
  const draw = () => {
    const does = { load, decide, erase, save };
    page.render(desk(page, { found, problem, told }, does), root);
  };

  async function drawChart() {
    endChart();
    endChart = () => {};
    const place = root.querySelector(".chart");
    if (!place) return;
    const mine = turn;
    const end = await chart(place, beliefs(page, found.user), {
      effect: page.say("effect"),
      number: page.number,
    }).catch(() => () => {});
    if (mine === turn) endChart = end;
    else end();
  }

  async function load() {
    const mine = ++turn;
    [found, problem] = [null, null];
    draw();
    try {
      const answer = await page.call("GET", path("/history"));
      if (mine === turn) found = answer;
    } catch (error) {
      if (mine === turn) problem = error;
    }
    if (mine !== turn) return;
    draw();
    await drawChart();
  }

  /** Wait until what was decided has taken effect, which `isDone(user)` sees. */
  async function effect(isDone) {
    for (let turns = 0; turns < TURNS; turns += 1) {
      const { user } = await page.call("GET", path("/history?answers=0"));
      if (isDone(user)) return true;
      await new Promise((done) => setTimeout(done, PAUSE));
    }
    return false;
  }

  async function carried(method, rest, body, isDone, words) {
    told = page.say("carrying");
    draw();
    try {
      await page.call(method, path(rest), body);
      told = page.say((await effect(isDone)) ? words : "later");
      await load();
      return true;
    } catch (error) {
      told = page.problem(error);
      await load(); // a switch goes back to what holds
      return false;
    } finally {
      page.announce(told);
    }
  }

  const decide = (name, field, allowed) =>
    carried(
      "PUT",
      `/${name}`,
      { allowed },
      (user) => user?.[field] === allowed,
      `${name}_${allowed}`,
    );

  async function erase() {
    const isSure = await page.confirm({
      title: page.say("erase_title", { user: page.user }),
      text: page.say("erase_text"),
      action: page.say("erase"),
      isGrave: true,
    });
    const erased = page.user;
    if (isSure && (await carried("DELETE", "", undefined, (user) => user === null, "erased"))) {
      forget(page, erased);
      page.forget(erased);
    }
  }

  async function save() {
    const exported = await page.call("GET", path("/export"));
    const blob = new Blob([JSON.stringify(exported, null, 2)], { type: "application/json" });
    const link = Object.assign(document.createElement("a"), {
      href: URL.createObjectURL(blob),
      download: `genre-${page.user.replace(/[^\w.-]/g, "_")}.json`,
    });
    link.click();
    URL.revokeObjectURL(link.href);
  }

  load();
  return () => {
    turn += 1;
    endChart();
  };
}

function desk(page, { found, problem, told }, does) {
  const { html, nothing, say } = page;
  const inside = problem
    ? html`<div class="failure" role="alert">
        <p>${page.problem(problem)}</p>
        <button class="small outline" @click=${does.load}>${say("again")}</button>
      </div>`
    : found === null
      ? html`<p aria-busy="true">${say("loading")}</p>`
      : shown(page, found, does);
  return html` <header class="heading">
      <h1>${say("user")}</h1>
      ${who(page, say("whose"), does.load)}
    </header>
    ${told ? html`<p class="told">${told}</p>` : nothing} ${inside}`;
}

function shown(page, { user, answers, complete }, does) {
  const { html, nothing, say } = page;
  return html`${user ? taste(page, user) : unknown(page)}
    ${user ? rights(page, user, does) : nothing}
    <section class="history">
      <h2>${say("history")}</h2>
      ${complete ? nothing : html`<p class="hint">${say("incomplete")}</p>`}
      ${
        answers.length
          ? answers.map((each) => answer(page, each))
          : html`<p class="hint">${say("no_history")}</p>`
      }
    </section>`;
}

const unknown = (page) => page.html`<section class="empty">
  <h2>${page.say("unknown_title", { user: page.user })}</h2>
  <p>${page.say("unknown_text")} <a href="#ask">${page.say("to_ask")}</a></p>
</section>`;

function taste(page, user) {
  const { html, nothing, say } = page;
  const all = beliefs(page, user);
  const changes = user.changes ?? [];
  return html`<section class="taste">
    <h2>${say("taste")}</h2>
    <p class="hint">
      ${say("known", { count: user.reactions, date: page.date(user.time) })}
      ${all.length ? say("effect_hint") : nothing}
    </p>
    ${
      all.length
        ? html`<div class="chart" aria-hidden="true"></div>
            <div class="scrolled" tabindex="0" role="region" aria-label=${say("taste")}>
              <table>
                <thead>
                  <tr>
                    <th scope="col">${say("about")}</th>
                    <th scope="col" class="figure">${say("mean")}</th>
                    <th scope="col" class="figure">${say("deviation")}</th>
                  </tr>
                </thead>
                <tbody>
                  ${all.map(
                    (each) =>
                      html`<tr>
                        <th scope="row">${said(page, each)}</th>
                        <td class="figure">${signed(page, each.mean)}</td>
                        <td class="figure">${deviation(page, each.deviation)}</td>
                      </tr>`,
                  )}
                </tbody>
              </table>
            </div>`
        : html`<p>${say("no_taste")}</p>`
    }
    ${
      changes.length
        ? html`<p>
            ${say("changes", { dates: changes.map((each) => page.date(each)).join(", ") })}
          </p>`
        : html`<p class="hint">${say("no_changes")}</p>`
    }
  </section>`;
}

function rights(page, user, does) {
  const { html, say } = page;
  const toggle = (name, field, isOn) =>
    html`<label>
      <input
        type="checkbox"
        role="switch"
        .checked=${isOn}
        @change=${(event) => does.decide(name, field, event.target.checked)}
      />
      ${say(name)}
      <small>${say(`${name}_hint`)}</small>
    </label>`;
  return html`<section class="rights">
    <h2>${say("rights")}</h2>
    ${toggle("consent", "consent", user.consent !== false)}
    ${toggle("exploration", "explored_for", user.explored_for)}
    <div class="row">
      <button class="small outline" @click=${does.save}>${say("export")}</button>
      <button class="small grave" @click=${does.erase}>${say("erase")}</button>
    </div>
  </section>`;
}

function answer(page, { request_id, user_id, candidates, reactions, genre, time }) {
  const { html, say } = page;
  const link = `#ask/${encodeURIComponent(request_id)}/${encodeURIComponent(user_id)}`;
  const retracted = new Set(reactions.map((each) => each.retracts).filter(Boolean));
  const standing = reactions.filter((each) => each.kind !== "retract");
  const saidOf = (candidate_id) =>
    standing
      .filter((each) => (each.candidate_id ?? null) === candidate_id)
      .map((each) => reaction(page, each, retracted.has(each.feedback_id)));
  return html`<article class="answer">
    <header>
      <strong>${genre ? spoken(genre) : say("no_genre")}</strong>
      <time>${page.date(time * 1000)}</time>
      ${saidOf(null)}
      <a href=${link}>${say("open")}</a>
    </header>
    <ol>
      ${candidates.map(
        (each) =>
          html`<li>
            <span class="text" dir="auto">${each.text}</span> ${saidOf(each.candidate_id)}
          </li>`,
      )}
    </ol>
  </article>`;
}

function reaction(page, { kind, value, genre, text }, isTakenBack) {
  const words = page.say(`did_${kind}`, {
    value: value === undefined ? "" : page.number(value),
    genre: spoken(genre ?? ""),
  });
  return page.html`<span class="mark ${isTakenBack ? "back" : ""}" title=${text ?? page.nothing}>
    ${isTakenBack ? page.say("taken_back", { what: words }) : words}</span>`;
}
