/** The gateway over HTTP: JSON, problems, keys, and streams that go on where they broke. */

// Beside the page's own address, so that a proxy may serve it under any path.
const address = (path) => new URL(path.replace(/^\//, ""), document.baseURI);

// Milliseconds: before a stream is read on, at least and at most; in which a stream that lives
// pings (the gateway does every 10 s).
const PAUSE = 1000,
  LONGEST_PAUSE = 5000,
  SILENCE = 30_000;
// What passes by itself: 0 is a gateway that is not reached.
const PASSING = [0, 429, 502, 503, 504];

/** What went wrong, as RFC 9457 says it: `status` (0: not reached), `code`, `detail`, `body`. */
export class Problem extends Error {
  constructor(status, code, detail, body = {}) {
    super(detail);
    Object.assign(this, { status, code, detail, body });
  }

  /** Of a response that is not ok. */
  static async of(response) {
    const body = await response.json().catch(() => ({}));
    const code = body.code ?? (response.status >= 502 ? "unreachable" : "bad_http");
    return new Problem(response.status, code, body.detail ?? response.statusText, body);
  }
}

/** Calls of the gateway; `askForKey(isWrong)` gives a key or null, `trouble(problem)` hears of
 * whatever suggests that the gateway or Kafka is away. */
export function gateway({ askForKey, trouble }) {
  let asking = null;

  async function send(method, path, { body, signal, headers = {} } = {}) {
    for (;;) {
      const key = sessionStorage.getItem("key");
      const isForm = body instanceof FormData;
      const response = await fetch(address(path), {
        method,
        signal,
        cache: "no-store",
        headers: {
          Accept: "application/json",
          ...(body !== undefined && !isForm && { "Content-Type": "application/json" }),
          ...(key && { Authorization: `Bearer ${key}` }),
          ...headers,
        },
        body: body === undefined || isForm ? body : JSON.stringify(body),
      }).catch((error) => {
        throw error.name === "AbortError" ? error : new Problem(0, "unreachable", error.message);
      });
      if (response.ok) return response;
      const problem = await Problem.of(response);
      if (problem.status !== 401) throw problem;
      if (sessionStorage.getItem("key") === key) {
        asking ??= askForKey(key !== null).finally(() => (asking = null));
        const given = await asking;
        if (given === null) throw problem;
        sessionStorage.setItem("key", given);
      }
    }
  }

  const watched = (work) =>
    work.catch((error) => {
      if (PASSING.includes(error.status) && error.status !== 429) trouble(error);
      throw error;
    });

  /** JSON of `method` at `path`; `body` is JSON or a FormData. Throws Problem. */
  async function call(method, path, body) {
    const response = await watched(send(method, path, { body }));
    return response.status === 204 ? null : response.json();
  }

  /**
   * Server-sent events: `onEvent({event, data, id})` with `data` from JSON returns true for the
   * last one. Resolves then, or once `signal` is aborted. A stream that breaks before is read on
   * behind its last id (at first `last`), for ever; `onState("broken" | "open")` says so. Throws
   * the Problem of a stream that never began, or that is refused.
   */
  async function stream(path, options, onEvent) {
    const { method = "GET", body, signal, onState = () => {} } = options;
    let { last = null } = options,
      begun = last !== null,
      pause = PAUSE;
    while (!signal?.aborted) {
      try {
        const headers = { Accept: "text/event-stream" };
        if (last !== null) headers["Last-Event-ID"] = last;
        const response = await watched(send(method, path, { body, signal, headers }));
        onState("open");
        for await (const event of events(response.body)) {
          [begun, pause, last] = [true, PAUSE, event.id ?? last];
          if (onEvent(event)) return;
        }
      } catch (error) {
        if (signal?.aborted) return;
        if (error instanceof Problem && !(begun && PASSING.includes(error.status))) throw error;
        if (!(error instanceof Problem) && !(error instanceof Broken)) throw error;
      }
      onState("broken");
      await rest(pause, signal);
      pause = Math.min(pause + PAUSE, LONGEST_PAUSE);
    }
  }

  return { call, stream };
}

class Broken extends Error {}

async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "",
    event = {};
  try {
    for (;;) {
      const { value, done } = await within(SILENCE, reader.read());
      if (done) return;
      const lines = (text + value).split(/\r\n|\n|\r(?!$)/);
      text = lines.pop();
      for (const line of lines) {
        if (line !== "") add(event, line);
        else {
          if (event.data !== undefined) yield { ...event, data: parsed(event.data) };
          event = {};
        }
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

function add(event, line) {
  const [, name, value] = /^([^:]*):? ?(.*)$/s.exec(line);
  if (name === "data") event.data = event.data === undefined ? value : `${event.data}\n${value}`;
  else if (name === "event" || name === "id") event[name] = value;
}

function parsed(data) {
  try {
    return JSON.parse(data);
  } catch {
    return data;
  }
}

function within(milliseconds, work) {
  let timer;
  const late = new Promise((_, fail) => {
    timer = setTimeout(() => fail(new Broken("silent")), milliseconds);
  });
  return Promise.race([work, late])
    .catch((error) => {
      throw error.name === "AbortError" ? error : new Broken(error.message);
    })
    .finally(() => clearTimeout(timer));
}

function rest(milliseconds, signal) {
  return new Promise((done) => {
    const timer = setTimeout(done, milliseconds);
    signal?.addEventListener("abort", () => (clearTimeout(timer), done()), { once: true });
  });
}
