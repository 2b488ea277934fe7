/** What the server says became of each call: asked for with every operation, kept for each tab, drawn by the panel. */
import { isAsyncIterable, type Fetcher } from "@graphiql/toolkit";
import { Kind as Node, parse, type ExecutionResult } from "graphql";

export interface Attempt {
  readonly host: string;
  readonly startMs: number;
  readonly ms: number;
  readonly outcome: string;
  readonly status?: number;
}

export interface Call {
  readonly upstream: string;
  readonly endpoint: string;
  readonly wave: number;
  readonly startMs: number;
  readonly ms: number;
  readonly outcome: string;
  readonly attempts: readonly Attempt[];
  readonly cache?: Readonly<Record<string, number>>;
  readonly breaker?: string;
  /** The request whose equal call was waited for. */
  readonly joined?: string;
  readonly fallback?: string;
  /** What was done to it on purpose. */
  readonly fault?: string;
  readonly retries?: readonly { readonly afterMs: number; readonly reason: string }[];
  readonly notRetried?: string;
  readonly hedge?: string;
  readonly refused?: string;
  readonly queueMs?: number;
}

export interface Trace {
  readonly requestId: string;
  readonly ms: number;
  readonly calls: readonly Call[];
  /** The request that was executed for this one too. */
  readonly executedBy?: string;
}

/** What is known of a tab's last answer: its trace, `none` where the server told none, or nothing before a run. */
export type Told = Trace | "none" | undefined;

/** Keeps the last trace of each tab and tells the panel of new ones. */
export class Traces {
  #told: Readonly<Record<string, Told>> = {};
  readonly #listeners = new Set<() => void>();

  readonly get = (): Readonly<Record<string, Told>> => this.#told;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  set(tab: string, told: Told): void {
    this.#told = { ...this.#told, [tab]: told };
    this.#listeners.forEach((listener) => listener());
  }
}

/**
 * Returns `fetcher` with each operation asking for its trace by `header`, which `tell` then gets instead of the
 * answer's reader. Whoever writes that header herself reads the trace in the answer.
 */
export function withTrace(fetcher: Fetcher, header: string, tell: (told: Told) => void): Fetcher {
  return async (params, options) => {
    const own = Object.keys(options?.headers ?? {}).some((name) => name.toLowerCase() === header);
    if (params.operationName === "IntrospectionQuery" || own || isSubscription(params.query)) {
      return fetcher(params, options);
    }
    tell(undefined);
    const answer = await fetcher(params, { ...options, headers: { ...options?.headers, [header]: "1" } });
    if (isAsyncIterable(answer)) return answer;
    return taken(answer as ExecutionResult, tell);
  };
}

/** Whether `query` holds a subscription, which has no trace; what is no GraphQL is the server's to refuse. */
function isSubscription(query: string): boolean {
  try {
    return parse(query).definitions.some(
      (node) => node.kind === Node.OPERATION_DEFINITION && node.operation === "subscription",
    );
  } catch {
    return false;
  }
}

function taken(answer: ExecutionResult, tell: (told: Told) => void): ExecutionResult {
  const { trace, ...extensions } = (answer.extensions ?? {}) as { readonly trace?: Trace };
  tell(trace ?? "none");
  if (!trace) return answer;
  const { extensions: _, ...rest } = answer;
  return Object.keys(extensions).length > 0 ? { ...rest, extensions } : rest;
}

/** Returns what is worth knowing of `call` besides its time, in words. */
export function words(call: Call): readonly string[] {
  const { attempts, retries = [], cache = {} } = call;
  const said = [
    ...Object.entries(cache).map(([result, keys]) => (keys > 1 ? `cache ${result} (${keys} keys)` : `cache ${result}`)),
    ...(call.joined ? ["shared with an equal call under way"] : []),
    ...(call.queueMs ? [`${call.queueMs} ms in the queue`] : []),
    ...attempts.map(({ host, ms, outcome, status }) => `${host}: ${outcome}${status ? ` ${status}` : ""} in ${ms} ms`),
    ...retries.map(({ afterMs, reason }) => `sent again after ${afterMs} ms (${reason})`),
    ...(call.notRetried ? [`not sent again: ${call.notRetried}`] : []),
    ...(call.hedge ? [`second send ${call.hedge}`] : []),
    ...(call.refused ? [`not sent: ${call.refused}`] : []),
    ...(call.breaker && call.breaker !== "closed" ? [`breaker ${call.breaker}`] : []),
    ...(call.fault ? [`on purpose: ${call.fault}`] : []),
    ...(call.fallback ? [`fell back: ${call.fallback}`] : []),
  ];
  return said;
}

export type Kind = "ok" | "kept" | "old" | "failed";

/** Returns how `call` went: fetched, answered without a request, answered with something old or a default, failed. */
export function kindOf({ outcome, attempts, fallback, cache = {} }: Call): Kind {
  if (fallback || cache["stale"]) return "old";
  if (outcome !== "OK") return "failed";
  return attempts.length > 0 ? "ok" : "kept";
}
