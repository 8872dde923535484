// The server's events: one stream, watched, and opened again when it falls silent.

const SILENCE_MS = 5000;

/** Calls `hear(state)` for every state, `lose()` when the connection is lost, `find()` when it is back. */
export function follow({ hear, lose, find }) {
  let stream = null;
  let heardAt = null;
  let lost = false;

  function listen() {
    stream?.close();
    stream = new EventSource("/events");
    stream.addEventListener("state", (event) => {
      heardAt = Date.now();
      if (lost) {
        lost = false;
        find();
      }
      hear(JSON.parse(event.data));
    });
    stream.addEventListener("error", fail);
  }

  function fail() {
    // A stream that the browser gave up is opened anew, and then told everything: there is no gap.
    if (stream.readyState === EventSource.CLOSED) setTimeout(listen, 1000);
    if (lost) return;
    lost = true;
    lose(heardAt);
  }

  listen();
  setInterval(() => {
    if (heardAt === null || Date.now() - heardAt <= SILENCE_MS) return;
    fail();
    if (stream.readyState === EventSource.OPEN) listen();
  }, 1000);
}
