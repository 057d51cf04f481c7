/** Dead letters: those of a topic by reason and time, one with its bytes, and replaying them. */

const PAGE = 50;

const base = (topic) => `v1/dead-letters/${encodeURIComponent(topic)}`;
const listed = (topic, code) =>
  `#flow/letters/${encodeURIComponent(topic)}/${encodeURIComponent(code)}`;

/** The letters of a topic with a code, "" for any: newest first, page by page. */
export function letterList(root, page, topic, code) {
  const chosen = new Set();
  const times = page.kept("flow.times", { since: "", until: "" });
  let found = null; // {letters, next, total, open, cut, unread}
  let problem = null;
  let told = "";
  let isBusy = false;
  let turn = 0;

  const query = () => {
    const given = { code, since: moment(times.since), until: moment(times.until), limit: PAGE };
    return new URLSearchParams(Object.entries(given).filter(([, value]) => value));
  };
  const draw = () =>
    page.render(
      list(page, { topic, code, times, found, problem, told, chosen, isBusy }, does),
      root,
    );

  async function load(before = null) {
    const [mine, asked] = [++turn, query()];
    if (before !== null) asked.set("before", before);
    try {
      const answer = await page.call("GET", `${base(topic)}?${asked}`);
      if (mine !== turn) return;
      const earlier = before === null ? [] : found.letters;
      [found, problem] = [{ ...answer, letters: [...earlier, ...answer.letters] }, null];
    } catch (error) {
      if (mine !== turn) return;
      problem = error;
    }
    draw();
  }

  async function replay(wish, count) {
    if (!(await agreed(page, topic, count, wish.letters ? 0 : found.unread))) return;
    [isBusy, told] = [true, page.say("replaying", { count: page.number(count) })];
    draw();
    try {
      told = done(page, await page.call("POST", `${base(topic)}/replay`, wish));
      chosen.clear();
    } catch (error) {
      told = page.problem(error);
    }
    isBusy = false;
    page.announce(told);
    await load();
  }

  const does = {
    more: () => load(found.next),
    filter: (name, value) => {
      times[name] = value;
      page.keep("flow.times", times);
      chosen.clear();
      load();
    },
    choose: (letter, isChosen) => (isChosen ? chosen.add(letter) : chosen.delete(letter), draw()),
    chooseShown: (isChosen) => {
      for (const { letter } of found.letters.filter(isOpen)) {
        isChosen ? chosen.add(letter) : chosen.delete(letter);
      }
      draw();
    },
    replayChosen: () => replay({ letters: [...chosen] }, chosen.size),
    replayAll: () => {
      const wish = { code, since: moment(times.since), until: moment(times.until) };
      const given = Object.fromEntries(Object.entries(wish).filter(([, value]) => value));
      replay(Object.keys(given).length ? given : { all: true }, found.open);
    },
  };
  draw();
  load();
  return () => (turn += 1);
}

const isOpen = (each) => !each.replayed && !each.cut;
const moment = (local) => (local ? new Date(local).toISOString() : "");

function list(page, { topic, code, times, found, problem, told, chosen, isBusy }, does) {
  const { html, say } = page;
  const time = (name) =>
    html`<label>
      ${say(name)}
      <input
        type="datetime-local"
        .value=${times[name]}
        @change=${(event) => does.filter(name, event.target.value)}
      />
    </label>`;
  return html`<p><a href="#flow">← ${say("back")}</a></p>
    <h1>${say("letters_of", { topic })}</h1>
    <p><code>${code || say("any_code")}</code></p>
    <div class="filters">${time("since")} ${time("until")}</div>
    <p class="told" role="status" aria-busy=${isBusy}>${told}</p>
    ${problem !== null ? html`<p class="notice" role="alert">${page.problem(problem)}</p>` : ""}
    ${found === null
      ? html`<p class="empty" aria-busy=${problem === null}>${problem ? "" : say("counting")}</p>`
      : letters(page, { topic, code, found, chosen, isBusy }, does)}`;
}

function letters(page, { topic, code, found, chosen, isBusy }, does) {
  const { html, say } = page;
  const number = (value) => page.number(value);
  const summary = html`<p>
    ${say(found.total ? "found" : "found_none", {
      total: number(found.total),
      open: number(found.open),
    })}
    ${found.cut ? say("found_cut", { cut: number(found.cut) }) : ""}
    ${found.unread ? say("unread", { count: number(found.unread) }) : ""}
  </p>`;
  if (found.total === 0) return summary;
  const open = found.letters.filter(isOpen);
  const rest = found.total - found.letters.length;
  return html`${summary}
    <div class="actions">
      <button
        class="outline"
        ?disabled=${isBusy || chosen.size === 0}
        @click=${does.replayChosen}
      >
        ${say("replay_some", { count: number(chosen.size) })}
      </button>
      <button ?disabled=${isBusy || found.open === 0} @click=${does.replayAll}>
        ${say("replay_all", { count: number(found.open) })}
      </button>
    </div>
    <label class="all" ?hidden=${open.length === 0}>
      <input
        type="checkbox"
        .checked=${open.length > 0 && open.every((each) => chosen.has(each.letter))}
        @change=${(event) => does.chooseShown(event.target.checked)}
      />
      ${say("select_all")}
    </label>
    <ul class="letters">
      ${found.letters.map((each) => line(page, topic, code, each, chosen, does))}
    </ul>
    <p>
      ${say("shown", { shown: number(found.letters.length), total: number(found.total) })}
      ${found.next === null
        ? ""
        : html`<button class="small outline" @click=${does.more}>
            ${say("more", { count: number(Math.min(PAGE, rest)) })}
          </button>`}
    </p>`;
}

function line(page, topic, code, each, chosen, does) {
  const { html, say } = page;
  const link = `${listed(topic, code)}/${encodeURIComponent(each.letter)}`;
  return html`<li>
    <input
      type="checkbox"
      aria-label=${say("select", { letter: each.letter })}
      .checked=${chosen.has(each.letter)}
      ?disabled=${!isOpen(each)}
      @change=${(event) => does.choose(each.letter, event.target.checked)}
    />
    <div>
      <a href=${link}><code>${each.letter}</code></a>
      <time datetime=${new Date(1000 * each.time).toISOString()}
        >${page.date(new Date(1000 * each.time), { dateStyle: "short", timeStyle: "medium" })}</time
      >
      <span class="state">${state(page, each)}</span>
      <p><strong>${each.code}</strong> ${each.message}</p>
      <p class="about">${each.stage} · ${each.origin}</p>
    </div>
  </li>`;
}

const state = (page, each) =>
  page.say(each.replayed ? "is_replayed" : each.cut ? "is_cut" : "is_open");

/** One letter with its key, headers and bytes. */
export function letterPage(root, page, topic, code, place) {
  let found = null;
  let problem = null;
  let told = "";
  let isBusy = false;
  let isLeft = false;

  const draw = () => {
    if (isLeft) return;
    page.render(whole(page, { topic, code, place, found, problem, told, isBusy, replay }), root);
  };

  async function load() {
    try {
      found = await page.call("GET", `${base(topic)}/${encodeURIComponent(place)}`);
    } catch (error) {
      problem = error;
    }
    draw();
  }

  async function replay() {
    if (!(await agreed(page, topic, 1, 0))) return;
    [isBusy, told] = [true, page.say("replaying", { count: 1 })];
    draw();
    try {
      told = done(page, await page.call("POST", `${base(topic)}/replay`, { letters: [place] }));
    } catch (error) {
      told = page.problem(error);
    }
    isBusy = false;
    page.announce(told);
    await load();
  }

  draw();
  load();
  return () => (isLeft = true);
}

const REASONS = ["message", "stage", "group", "exception", "attempts"];

function whole(page, { topic, code, place, found, problem, told, isBusy, replay }) {
  const { html, say } = page;
  const head = html`<p><a href=${listed(topic, code)}>← ${say("back_to_list")}</a></p>
    <h1>${say("letter")} <code>${topic}</code> <code>${place}</code></h1>
    <p class="told" role="status" aria-busy=${isBusy}>${told}</p>`;
  if (problem !== null) {
    return html`${head}<p class="notice" role="alert">${page.problem(problem)}</p>`;
  }
  if (found === null) return html`${head}<p class="empty" aria-busy="true">${say("counting")}</p>`;
  const pair = (name, value) =>
    html`<div>
      <dt>${name}</dt>
      <dd>${value}</dd>
    </div>`;
  const why = found.error;
  return html`${head}
    <dl class="facts">
      ${pair(say("why"), why.code)} ${pair(say("state"), state(page, found))}
      ${pair(say("when"), page.date(new Date(1000 * found.time)))}
      ${pair(say("where"), `${why.topic}[${why.partition}]@${why.offset}`)}
      ${REASONS.filter((name) => why[name]).map((name) => pair(say(name), why[name]))}
    </dl>
    ${found.cut ? html`<p class="notice">${say("cut_letter")}</p>` : ""}
    <p>
      <button ?disabled=${isBusy || !isOpen(found)} @click=${replay}>${say("replay_one")}</button>
    </p>
    <h2>${say("key")}</h2>
    ${bytes(page, say("key"), found.key)}
    <h2>${say("headers")}</h2>
    ${found.headers.length === 0
      ? html`<p class="about">${say("nothing")}</p>`
      : html`<dl class="facts">
          ${found.headers.map((each) => pair(each.name, bytes(page, each.name, each.value)))}
        </dl>`}
    <h2>${say("value")}</h2>
    ${bytes(page, say("value"), found.value)}`;
}

/** Bytes as text or in hexadecimal, and how many there are. */
function bytes(page, name, data) {
  const { html, say } = page;
  if (data === null) return html`<p class="about">${say("nothing")}</p>`;
  const size = say(data.cut ? "bytes_cut" : "bytes", { bytes: page.number(data.bytes) });
  if (data.bytes === 0) return html`<p class="about">${say("empty")}</p>`;
  const content = data.text ?? data.hex;
  return html`<pre class="bytes" tabindex="0" role="region" aria-label=${name}>${content}</pre>
    <p class="about">${size}${data.hex === undefined ? "" : `, ${say("binary")}`}</p>`;
}

function agreed(page, topic, count, unread) {
  const { say } = page;
  const noun = say(count === 1 ? "letter_noun" : "letters_noun");
  const more = unread ? ` ${say("confirm_unread", { count: page.number(unread) })}` : "";
  return page.confirm({
    title: say("confirm_title", { count: page.number(count), noun }),
    text: say("confirm_text", { topic }) + more,
    action: say("replay"),
  });
}

const done = (page, { replayed, cut }) =>
  page.say(cut.length ? "done_cut" : "done", {
    count: page.number(replayed),
    cut: page.number(cut.length),
  });
