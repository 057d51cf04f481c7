/** One genre: what it is; its versions with measures, samples and reports; what changes them. */

const EXAMPLES = 6; // shown before the others are asked for
const EFFECT = 700, TURNS = 12; // milliseconds and turns in which a change comes back

export function mountVersions(root, page, name) {
  const reports = new Map(); // of adapters, once they were asked for: a report, null or a problem
  let found = null;
  let problem = null;
  let told = "";
  let isBusy = false;
  let pair = []; // the two versions that are compared
  let people = null; // what was said of versions, by name: null, "counting", a Map or a problem
  let isLeft = false;

  const path = (rest = "") => `v1/genres/${encodeURIComponent(name)}${rest}`;
  const draw = () => {
    const has = { name, found, problem, told, isBusy, reports, pair, people };
    if (!isLeft) page.render(desk(page, has, does), root);
  };

  async function load() {
    try {
      found = await page.call("GET", path());
      found.versions.sort((one, other) => other.time.localeCompare(one.time));
      problem = null;
      if (pair.length === 0) pair = found.versions.slice(0, 2).map((each) => each.name);
    } catch (error) {
      problem = error;
    }
    draw();
  }

  /** Ask, send, and wait until the registry has it. */
  async function change(question, address) {
    if (!(await page.confirm(question))) return;
    [isBusy, told] = [true, page.say("changing")];
    draw();
    try {
      const { adapters } = await page.call("POST", address, {});
      await effect(adapters);
      const names = adapters.map((each) => `${each.name} ${page.say(each.kind)}`);
      told = page.say("changed", { names: names.join(", ") });
    } catch (error) {
      told = page.problem(error);
    }
    isBusy = false;
    page.announce(told);
    draw();
  }

  async function effect(events) {
    for (let turns = 0; turns < TURNS; turns += 1) {
      await load();
      const is = new Map(found?.versions.map((each) => [each.name, each.kind]));
      if (events.every((each) => is.get(each.name) === each.kind)) return;
      await new Promise((done) => setTimeout(done, EFFECT));
    }
  }

  const adapter = (version) => `v1/adapters/${encodeURIComponent(version)}`;
  const does = {
    load,
    withdraw: (version) =>
      change(
        {
          title: page.say("withdraw_title", { name: version }),
          text: page.say("withdraw_text"),
          action: page.say("withdraw"),
          isGrave: true,
        },
        `${adapter(version)}/withdraw`,
      ),
    publish: (version) =>
      change(
        {
          title: page.say("publish_title", { name: version }),
          text: page.say("publish_text"),
          action: page.say("publish"),
        },
        `${adapter(version)}/publish`,
      ),
    rollBack: (newest) =>
      change(
        {
          title: page.say("roll_back_title", { genre: name }),
          text: page.say("roll_back_text", { name: newest }),
          action: page.say("roll_back"),
          isGrave: true,
        },
        path("/rollback"),
      ),
    async report(version) {
      if (reports.has(version)) return;
      try {
        reports.set(version, (await page.call("GET", adapter(version))).report);
      } catch (error) {
        reports.set(version, { problem: error });
      }
      draw();
    },
    choose(place, version) {
      pair[place] = version;
      draw();
    },
    async count() {
      people = "counting";
      draw();
      try {
        const { versions } = await page.call("GET", path("/comparison"));
        people = new Map(versions.map((each) => [each.name, each]));
      } catch (error) {
        people = { problem: error };
      }
      draw();
    },
  };
  draw();
  load();
  return () => (isLeft = true);
}

function desk(page, has, does) {
  const { html, say } = page;
  const { name, found, problem, told, isBusy } = has;
  const head = html`<p><a href="#genres">← ${say("back")}</a></p>
    <h1>${name.replaceAll("_", " ")}</h1>`;
  if (problem !== null) {
    return html`${head}
      <p class="notice" role="alert">${page.problem(problem)}</p>
      <button class="outline" @click=${does.load}>${say("again")}</button>`;
  }
  if (found === null) return html`${head}<p class="empty" aria-busy="true">${say("loading")}</p>`;
  return html`${head} ${about(page, found)}
    <section aria-labelledby="versions-title">
      <h2 id="versions-title">${say("versions")}</h2>
      ${actions(page, has, does)}
      <p class="told" role="status" aria-busy=${isBusy}>${told}</p>
      ${found.versions.length === 0 ? html`<p class="empty">${say("versions_none")}</p>` : ""}
      ${found.versions.map((each) => version(page, each, has, does))}
    </section>
    ${found.versions.length > 1 ? comparison(page, has, does) : ""}`;
}

function about(page, found) {
  const { html, say } = page;
  if (found.description === undefined) {
    return html`<p class="notice">${say("withdrawn_genre")}</p>`;
  }
  return html`<p class="lead">${found.description}</p>
    <p class="about">${say("family")}: ${(found.family ?? "").replaceAll("_", " ")}</p>
    ${found.instruction
      ? html`<h2>${say("instruction")}</h2>
          <blockquote>${found.instruction}</blockquote>`
      : ""}
    ${examples(page, "requests", found.requests ?? [])}
    ${examples(page, "texts", found.texts ?? [])}
    ${found.texts?.length === 0 ? html`<p class="about">${say("texts_none")}</p>` : ""}`;
}

function examples({ html, say }, key, every) {
  if (every.length === 0) return "";
  const items = (some) => some.map((each) => html`<li class="sample">${each}</li>`);
  return html`<h2>${say(key)}</h2>
    <ul class="examples">
      ${items(every.slice(0, EXAMPLES))}
    </ul>
    ${every.length > EXAMPLES
      ? html`<details>
          <summary>${say("more", { count: every.length })}</summary>
          <ul class="examples">
            ${items(every.slice(EXAMPLES))}
          </ul>
        </details>`
      : ""}`;
}

const newestOf = (versions) => versions.find((each) => each.kind === "published");

function actions(page, { name, found, isBusy }, does) {
  const { html, say } = page;
  const newest = newestOf(found.versions);
  return html`<div class="actions">
    <a class="action" href="#genres/+/${name}">${say("train_more")}</a>
    ${newest && found.versions.length > 1
      ? html`<button
          class="outline secondary"
          ?disabled=${isBusy}
          @click=${() => does.rollBack(newest.name)}
        >
          ${say("roll_back")}
        </button>`
      : ""}
  </div>`;
}

function version(page, event, { found, isBusy, reports }, does) {
  const { html, say } = page;
  const isPublished = event.kind === "published";
  const title = `v-${event.name.replace("@", "-")}`;
  const fact = (key, value) =>
    value ? html`<div><dt>${say(key)}</dt><dd>${value}</dd></div>` : "";
  return html`<article class="version" aria-labelledby=${title}>
    <div class="head">
      <h3 id=${title}><code>${event.name}</code></h3>
      <span class=${`state ${event.kind}`}>${say(event.kind)}</span>
      ${event === newestOf(found.versions) ? html`<span class="state">${say("newest")}</span>` : ""}
      <button
        class="small outline ${isPublished ? "secondary" : ""}"
        ?disabled=${isBusy}
        aria-label="${say(isPublished ? "withdraw" : "publish")} ${event.name}"
        @click=${() => (isPublished ? does.withdraw : does.publish)(event.name)}
      >
        ${say(isPublished ? "withdraw" : "publish")}
      </button>
    </div>
    <p class="about">
      ${say("since", { time: page.date(event.time) })}
      ${event.reason ? say("reason", { reason: event.reason }) : ""}
    </p>
    <dl class="facts">
      ${fact("parent", event.lineage?.parent)} ${fact("licence", event.licence)}
      ${fact("erased", event.erased)} ${measures(page, event.metrics ?? {})}
    </dl>
    <details @toggle=${(toggled) => toggled.target.open && does.report(event.name)}>
      <summary>${say("report")}</summary>
      ${reports.has(event.name) ? report(page, reports.get(event.name)) : say("loading")}
    </details>
  </article>`;
}

const measures = (page, metrics) =>
  Object.entries(metrics).map(
    ([key, value]) =>
      page.html`<div><dt>${page.say(key)}</dt><dd>${page.number(value)}</dd></div>`,
  );

function report(page, told) {
  const { html, say } = page;
  if (told === null) return html`<p class="about">${say("report_none")}</p>`;
  if (told.problem) return html`<p class="notice">${page.problem(told.problem)}</p>`;
  const texts = told.texts ?? {};
  const leftOut = Object.values(texts.left_out ?? {}).reduce((sum, each) => sum + each, 0);
  return html`<p><strong>${say(told.passed ? "report_passed" : "report_rejected")}</strong>
      ${told.texts ? say("texts_used", { ...texts, left_out: leftOut }) : ""}
      ${told.missing?.length ? say("missing", { names: told.missing.join(", ") }) : ""}
    </p>
    ${told.findings?.length ? findings(page, told.findings) : ""}
    ${told.samples?.length
      ? html`<h4>${say("samples")}</h4>
          <ul class="examples">
            ${told.samples.map((each) => sample(page, each))}
          </ul>`
      : ""}`;
}

function findings(page, every) {
  const { html, say } = page;
  return html`<div class="wide" tabindex="0" role="region" aria-label=${say("report")}>
    <table>
      <thead>
        <tr>
          <th scope="col">${say("check")}</th>
          <th scope="col" class="number">${say("measured")}</th>
          <th scope="col" class="number">${say("bound")}</th>
          <th scope="col">${say("passed")}</th>
        </tr>
      </thead>
      <tbody>
        ${every.map(
          (each) =>
            html`<tr>
              <th scope="row">${each.check}</th>
              <td class="number">${page.number(each.value)}</td>
              <td class="number">${page.number(each.bound)}</td>
              <td>${say(each.passed ? "yes" : "no")}</td>
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

const sample = ({ html, say }, { request, text, held_back: heldBack }) => {
  const asked = `${say("sample_of")}: ${request}${heldBack ? ` (${say("held_back")})` : ""}`;
  return html`<li class="sample"><small>${asked}</small>${text}</li>`; // spaces are kept here
};

function comparison(page, { found, pair, people }, does) {
  const { html, say } = page;
  const chosen = pair.map((name) => found.versions.find((each) => each.name === name));
  const select = (place, label) =>
    html`<label>
      ${say(label)}
      <select @change=${(event) => does.choose(place, event.target.value)}>
        ${found.versions.map(
          (each) =>
            html`<option value=${each.name} ?selected=${each.name === pair[place]}>
              ${each.name} (${say(each.kind)})
            </option>`,
        )}
      </select>
    </label>`;
  const keys = [...new Set(chosen.flatMap((each) => Object.keys(each?.metrics ?? {})))];
  const said = people instanceof Map ? ["liked", "disliked", "share", "loses"] : [];
  const measure = (each, key) => each?.metrics?.[key];
  const word = (each, key) => people.get(each?.name)?.[key];
  const row = (key, of) =>
    html`<tr>
      <th scope="row">${say(key)}</th>
      ${chosen.map((each) => html`<td class="number">${cell(page, of(each, key))}</td>`)}
    </tr>`;
  return html`<section aria-labelledby="compare-title">
    <h2 id="compare-title">${say("compare")}</h2>
    <p>${say("compare_about")}</p>
    <div class="filters">${select(0, "compare_one")} ${select(1, "compare_other")}</div>
    <div class="wide" tabindex="0" role="region" aria-label=${say("compare")}>
      <table>
        <thead>
          <tr>
            <th scope="col">${say("measure")}</th>
            ${chosen.map(
              (each) => html`<th scope="col" class="number"><code>${each?.name}</code></th>`,
            )}
          </tr>
        </thead>
        <tbody>
          ${keys.map((key) => row(key, measure))} ${said.map((key) => row(key, word))}
        </tbody>
      </table>
    </div>
    ${people?.problem ? html`<p class="notice">${page.problem(people.problem)}</p>` : ""}
    <button class="outline" aria-busy=${people === "counting"} @click=${does.count}>
      ${say(people === "counting" ? "counting" : "people")}
    </button>
    <p class="about">${said.length ? say("people_few") : ""}</p>
  </section>`;
}

function cell(page, value) {
  if (value === undefined || value === null) return "–";
  return typeof value === "boolean" ? page.say(value ? "yes" : "no") : page.number(value);
}
