/** The stream of snapshots: opened, watched, and opened again when it breaks. */
import { useEffect, useState } from "react";
import { Refused, send } from "./api";
import type { Snapshot } from "./snapshot";

const SILENCE = 5_000; // milliseconds without a snapshot after which the connection counts as lost
const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 8_000;

export interface Live {
  readonly snapshot: Snapshot | null;
  /** When that came, by `performance.now()`. */
  readonly at: number;
  readonly state: "connecting" | "live" | "lost" | "refused";
  readonly refusal: Refused | null;
}

/** Yields the data of each event of `body` (HTML, 9.2.6, as far as our server uses it). */
async function* events(body: ReadableStream<Uint8Array>): AsyncGenerator<readonly [string, string]> {
  const reader = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += value;
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const lines = text.slice(0, end).split("\n");
      text = text.slice(end + 2);
      const field = (name: string) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2) ?? "";
      yield [field("event"), field("data")];
    }
  }
}

const wait = (ms: number, signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });

/** Returns the newest snapshot and how the connection is, once `enabled`; `key` begins anew, as after signing in. */
export function useLive(key: number, enabled: boolean): Live {
  const [live, setLive] = useState<Live>({ snapshot: null, at: 0, state: "connecting", refusal: null });
  useEffect(() => {
    if (!enabled) return undefined;
    const stop = new AbortController();
    const follow = async () => {
      let pause = FIRST_PAUSE;
      while (!stop.signal.aborted) {
        const attempt = new AbortController();
        const silence = { timer: setTimeout(() => attempt.abort(), SILENCE) };
        const both = AbortSignal.any([stop.signal, attempt.signal]);
        let ended = false;
        try {
          const response = await send("admin/api/live", { signal: both });
          for await (const [event, data] of events(response.body!)) {
            if (event === "end") ended = true;
            if (event !== "snapshot") continue;
            clearTimeout(silence.timer);
            silence.timer = setTimeout(() => attempt.abort(), SILENCE);
            pause = FIRST_PAUSE;
            setLive({ snapshot: JSON.parse(data) as Snapshot, at: performance.now(), state: "live", refusal: null });
          }
        } catch (problem) {
          if (problem instanceof Refused && [401, 403, 421].includes(problem.status)) {
            setLive((before) => ({ ...before, state: "refused", refusal: problem }));
            return;
          }
        } finally {
          clearTimeout(silence.timer);
          attempt.abort();
        }
        if (stop.signal.aborted) return;
        if (!ended) setLive((before) => ({ ...before, state: "lost" }));
        await wait(ended ? 50 : pause, stop.signal);
        pause = Math.min(pause * 2, LONGEST_PAUSE);
      }
    };
    void follow();
    return () => stop.abort();
  }, [key, enabled]);
  return live;
}

/** Returns `performance.now()`, anew each second. */
export function useNow(): number {
  const [now, setNow] = useState(() => performance.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(performance.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
