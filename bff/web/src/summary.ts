/** Sums an answer up in one line: is it whole, and if not, which services are missing from it. */
import type { ExecutionResult } from "graphql";

export type Verdict = "whole" | "partial" | "failed";

export interface Summary {
  readonly verdict: Verdict;
  /** The verdict and whom it concerns, such as `partial: reviews, couriers`. */
  readonly headline: string;
  /** Counts and times, such as `2 errors`, `1 degraded part`, `84 ms`. */
  readonly details: readonly string[];
}

interface Failure {
  readonly message: string;
  readonly extensions?: { readonly code?: string; readonly upstream?: string; readonly retryAfterMs?: number };
}

interface Degraded {
  readonly upstream?: string;
  readonly ageMs?: number;
}

interface Answer {
  readonly data?: unknown;
  readonly errors?: readonly Failure[];
  readonly extensions?: { readonly degraded?: readonly Degraded[]; readonly faults?: readonly Injected[] };
}

/** A fault that was done on purpose. */
interface Injected {
  readonly upstream: string;
  readonly fault: string;
}

const count = (n: number, thing: string) => `${n} ${thing}${n === 1 ? "" : "s"}`;

function span(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${Math.round(ms / 100) / 10} s`;
}

function distinct(names: readonly (string | undefined)[]): string {
  return [...new Set(names.filter((name) => name !== undefined))].join(", ");
}

/** Sums up `payload`, the answer that came after `ms` milliseconds. */
export function summarise(payload: ExecutionResult, ms: number): Summary {
  const { data, errors = [], extensions } = payload as Answer;
  const degraded = extensions?.degraded ?? [];
  const faults = distinct((extensions?.faults ?? []).map(({ upstream, fault }) => `${upstream} ${fault}`));
  const details = [span(ms), ...(faults ? [`on purpose: ${faults}`] : [])];
  if (errors.length === 0 && degraded.length === 0) return { verdict: "whole", headline: "whole", details };

  const waits = errors.flatMap(({ extensions: { retryAfterMs } = {} }) => retryAfterMs ?? []);
  const ages = degraded.flatMap(({ ageMs }) => ageMs ?? []);
  if (ages.length > 0) details.unshift(`up to ${span(Math.max(...ages))} old`);
  if (waits.length > 0) details.unshift(`try again in ${span(Math.max(...waits))}`);
  if (degraded.length > 0) details.unshift(count(degraded.length, "degraded part"));
  if (errors.length > 0) details.unshift(count(errors.length, "error"));

  const culprits = distinct([
    ...errors.map(({ extensions: { upstream, code } = {} }) => upstream ?? code),
    ...degraded.map(({ upstream }) => upstream),
  ]);
  const verdict = data === undefined || data === null ? "failed" : "partial";
  return { verdict, headline: culprits ? `${verdict}: ${culprits}` : verdict, details };
}

/** Sums up a request that brought no answer at all. */
export function summariseNoAnswer(error: unknown, ms: number): Summary {
  const reason = error instanceof Error ? error.message : String(error);
  return { verdict: "failed", headline: "failed: no GraphQL answer", details: [reason, span(ms)] };
}
