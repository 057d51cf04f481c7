/** A new genre, or a new version of one, from pasted texts or a file; and its training, live. */

const LEAST = 100; // usable texts that a training needs; the trainer says so, too
const ENDS = ["published", "rejected", "failed"];
const EMPTY = { genre: "", family: "", description: "", instruction: "", licence: "", texts: "" };
const FIELDS = ["family", "description", "instruction", "licence"];

export function newGenre(root, page, genre) {
  const leaving = new AbortController();
  const typed = { ...EMPTY, ...page.kept("genres.typed") };
  if (genre) typed.genre = genre;
  let file = null; // no browser keeps one
  let families = [];
  let job = page.kept("genres.job"); // {genre, place}
  let step = null; // the newest Progress
  let told = "";
  let isBusy = false;
  let isBroken = false;

  const draw = () => {
    if (leaving.signal.aborted) return;
    const content = job
      ? progress(page, { job, step, told, isBroken, again })
      : form(page, { typed, file, families, told, isBusy }, does);
    page.render(content, root);
  };

  const does = {
    type(name, value) {
      typed[name] = value;
      page.keep("genres.typed", typed);
      draw();
    },
    choose: (chosen) => ((file = chosen), draw()),
    async send(event) {
      event.preventDefault();
      const texts = parted(typed.texts);
      if (texts.length === 0 && file === null) return say(page.say("nothing_to_send"));
      const count = page.number(texts.length);
      isBusy = true;
      say(file ? page.say("sending_file", { name: file.name }) : page.say("sending", { count }));
      try {
        const sent = await page.call("POST", "v1/training", asForm(typed, texts, file));
        job = { genre: sent.genre, place: sent.progress.replace(/^\//, "") };
        page.keep("genres.job", job);
        page.keep("genres.typed", EMPTY);
        Object.assign(typed, EMPTY);
        told = "";
        follow();
      } catch (error) {
        say(page.problem(error));
      }
      isBusy = false;
      draw();
    },
  };

  function say(text) {
    told = text;
    page.announce(text);
    draw();
  }

  function again() {
    [job, step, told] = [null, null, ""];
    page.keep("genres.job", null);
    draw();
  }

  function follow() {
    const onState = (state) => ((isBroken = state === "broken"), draw());
    page
      .stream(job.place, { signal: leaving.signal, onState }, ({ data }) => {
        const before = step?.state;
        step = data;
        if (step.state !== before) page.announce(page.say(`s_${step.state}`));
        draw();
        return ENDS.includes(step.state);
      })
      .catch((error) => {
        told = error.status === 404 ? page.say("gone") : page.problem(error);
        draw();
      });
  }

  async function known() {
    const { genres } = await page.call("GET", "v1/genres").catch(() => ({ genres: [] }));
    families = [...new Set(genres.map((each) => each.family))];
    draw();
  }

  draw();
  if (job) follow();
  known();
  return () => leaving.abort();
}

/** The texts of what was pasted: parted by empty lines, or else each line is one. */
export function parted(pasted) {
  const text = pasted.replace(/\r\n?/g, "\n").trim();
  const parts = /\n[ \t]*\n/.test(text) ? text.split(/\n[ \t]*\n/) : text.split("\n");
  return parts.map((each) => each.trim()).filter((each) => each !== "");
}

/** As a form, because a JSON body holds less: pasted texts become a file, a line each. */
function asForm(typed, texts, file) {
  const sent = new FormData();
  sent.append("genre", typed.genre);
  for (const name of FIELDS) if (typed[name].trim()) sent.append(name, typed[name].trim());
  if (texts.length) {
    const lines = texts.map((text) => JSON.stringify({ text }) + "\n");
    sent.append("file", new File(lines, "pasted.jsonl"));
  }
  if (file !== null) sent.append("file", file);
  return sent;
}

function form(page, { typed, file, families, told, isBusy }, does) {
  const { html, say } = page;
  const count = parted(typed.texts).length;
  const input = (name, label, hint, more = {}) =>
    html`<label>
      ${say(label)}
      <input
        name=${name}
        maxlength="2000"
        autocomplete="off"
        aria-describedby=${hint ? `hint-${name}` : page.nothing}
        list=${more.list ?? page.nothing}
        .value=${typed[name]}
        @input=${(event) => does.type(name, event.target.value)}
      />
      </label>
      ${hint ? html`<small id="hint-${name}">${say(hint)}</small>` : ""}`;
  const recognised = count < LEAST && file === null ? "recognised_few" : "recognised";
  return html`<p><a href="#genres">← ${say("back")}</a></p>
    <h1>${say("new_title")}</h1>
    <p>${say("new_about", { least: LEAST })}</p>
    <form class="new" @submit=${does.send}>
      <label>
        ${say("name")}
        <input
          name="genre"
          required
          pattern="[a-z0-9][a-z0-9_]{0,63}"
          title=${say("name_about")}
          autocomplete="off"
          autocapitalize="none"
          spellcheck="false"
          aria-describedby="hint-genre"
          .value=${typed.genre}
          @input=${(event) => does.type("genre", event.target.value)}
        />
      </label>
      <small id="hint-genre">${say("name_about")}</small>
      ${input("family", "family", "family_about", { list: "families" })}
      <datalist id="families">
        ${families.map((each) => html`<option value=${each}></option>`)}
      </datalist>
      ${input("description", "description", null)}
      ${input("instruction", "instruction", "instruction_about")}
      <label>
        ${say("paste")}
        <textarea
          name="texts"
          rows="10"
          aria-describedby="hint-texts"
          .value=${typed.texts}
          @input=${(event) => does.type("texts", event.target.value)}
        ></textarea>
      </label>
      <small id="hint-texts">
        ${say("paste_about")}
        ${count ? say(recognised, { count: page.number(count), least: LEAST }) : ""}
      </small>
      <label>
        ${say("file")}
        <input
          type="file"
          accept=".jsonl,.json,.csv,.tsv,.txt,.parquet,.gz"
          aria-describedby="hint-file"
          @change=${(event) => does.choose(event.target.files[0] ?? null)}
        />
      </label>
      <small id="hint-file">${say("file_about")}</small>
      ${input("licence", "licence", "licence_about")}
      <p class="told" role="status" aria-busy=${isBusy}>${told}</p>
      <button ?disabled=${isBusy}>${say("start")}</button>
    </form>`;
}

function progress(page, { job, step, told, isBroken, again }) {
  const { html, say } = page;
  const isEnded = ENDS.includes(step?.state);
  const fact = (key, value) =>
    value === undefined ? "" : html`<div><dt>${say(key)}</dt><dd>${value}</dd></div>`;
  const shown = (value, show) => (value === undefined ? undefined : show(value));
  const number = (key) => fact(key, shown(step[key], page.number));
  const steps = step?.steps
    ? html`<progress
        aria-label=${say("step")}
        max=${step.steps}
        value=${Math.min(step.step ?? 0, step.steps)}
      ></progress>`
    : "";
  return html`<p><a href="#genres">← ${say("back")}</a></p>
    <h1>${say("training", { genre: job.genre })}</h1>
    ${told ? html`<p class="notice" role="alert">${told}</p>` : ""}
    ${isBroken && !isEnded ? html`<p class="notice" role="status">${say("broken")}</p>` : ""}
    ${step === null && !told
      ? html`<p class="empty" aria-busy="true">${say("waiting_for")}</p>`
      : ""}
    ${step === null
      ? ""
      : html`${steps}
          <dl class="facts">
            ${fact("state", say(`s_${step.state}`))}
            ${fact(
              "step",
              step.steps ? say("step_of", { step: step.step ?? 0, steps: step.steps }) : undefined,
            )}
            ${number("loss")} ${number("held_out_perplexity")} ${number("tokens_per_second")}
            ${fact("left", shown(step.seconds_left, (seconds) => left(page, seconds)))}
          </dl>`}
    ${isEnded ? ended(page, job, step) : ""}
    ${isEnded || told
      ? html`<button class="outline" @click=${again}>${say("another")}</button>`
      : ""}`;
}

function ended(page, job, step) {
  const { html, say } = page;
  const words = say(`ended_${step.state}`, { adapter: step.adapter ?? "" });
  return html`<p class="ended" role="status"><strong>${words}</strong> ${step.message ?? ""}</p>
    ${step.state === "published"
      ? html`<p><a href="#genres/${job.genre}">${say("see")}</a></p>`
      : ""}`;
}

const left = (page, seconds) =>
  page.number(seconds < 90 ? seconds : seconds / 60, {
    style: "unit",
    unit: seconds < 90 ? "second" : "minute",
    maximumFractionDigits: 0,
  });
