// The two connections to the feed, and its commands. A connection that the browser has given
// up for good (a 4xx or 5xx answer) is opened again here.

const RETRY_MS = 2000;

export class Stream {
  /** @param handlers event name -> function(data) */
  constructor(url, handlers, onError = () => {}) {
    Object.assign(this, { url, handlers, onError, source: null, timer: 0 });
  }

  open() {
    if (this.source) return;
    const source = new EventSource(this.url);
    this.source = source;
    for (const [name, handle] of Object.entries(this.handlers)) {
      source.addEventListener(name, (event) => handle(JSON.parse(event.data)));
    }
    source.onerror = () => {
      this.onError();
      if (source.readyState === EventSource.CLOSED) this.#again();
    };
  }

  close() {
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
  }

  /** Drop a connection that says nothing and try a new one. */
  restart() {
    this.close();
    this.open();
  }

  #again() {
    this.close();
    this.timer = setTimeout(() => this.open(), RETRY_MS);
  }
}

/** POST JSON; returns {ok, status, error}. */
export async function post(path, body) {
  try {
    const response = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    const answer = await response.json().catch(() => ({}));
    return { ok: response.ok, status: response.status, error: answer.error ?? "" };
  } catch {
    return { ok: false, status: 0, error: "no connection to the feed: nothing was sent" };
  }
}

/** GET JSON, or null. */
export async function get(path) {
  try {
    const response = await fetch(path);
    return response.ok ? await response.json() : null;
  } catch {
    return null;
  }
}

/** HTTP status of a path; 0 without a connection. */
export async function status(path) {
  try {
    return (await fetch(path)).status;
  } catch {
    return 0;
  }
}
