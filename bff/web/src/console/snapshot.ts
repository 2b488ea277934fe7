/** What the server tells each second; `bff/console/merge.py` is the other side. */

export interface Times {
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
  /** How many fell below each of `edges`, and above the last. */
  readonly histogram: readonly number[];
}

export interface Breaker {
  readonly group: string;
  readonly state: "closed" | "half_open" | "open" | "forced_open" | "disabled" | "metrics_only";
  /** Share of failed calls; null below the minimum of calls. */
  readonly failed: number | null;
  /** The same when the state changed last. */
  readonly failedBefore: number | null;
  readonly slow: number | null;
  readonly calls: number;
  readonly openMs: number | null;
  /** Workers that are in another state. */
  readonly otherwise: readonly number[];
}

export interface Host {
  readonly url: string;
  readonly state: "healthy" | "ejected" | "unhealthy" | "draining" | "drained";
  readonly zone: string;
  readonly weight: number;
  /** The part of its weight that it has now, less than 1 while it begins slowly. */
  readonly share: number;
  readonly inFlight: number;
  readonly otherwise: readonly number[];
}

/** Second of the wall clock, and numbers of that second. */
export type Series = readonly (readonly number[])[];

export type Counts = Readonly<Record<string, number>>;

export interface Service extends Times {
  readonly name: string;
  readonly alias: string;
  readonly counts: Counts;
  readonly series: Series;
  readonly inFlight: number;
  readonly permits: { readonly used: number; readonly limit: number; readonly waiting: number };
  readonly breakers: readonly Breaker[];
  readonly hosts: readonly Host[];
}

export interface Operation extends Times {
  readonly name: string;
  readonly kind: string;
  readonly runs: number;
  readonly results: Counts;
  readonly cost: Counts;
}

export interface ErrorHead {
  readonly errorId: string;
  readonly time: string;
  readonly operation: string | null;
  readonly code: string;
  readonly path: string | null;
  readonly upstream: string | null;
}

export interface Worker {
  readonly worker: number;
  readonly phase: string;
  readonly lagMs: number;
  readonly inFlight: number;
  readonly memory: number;
  readonly since: number;
}

export interface Snapshot {
  readonly at: number;
  readonly workers: readonly Worker[];
  readonly missing: readonly string[];
  readonly since: number;
  /** Seconds that rates and shares are about. */
  readonly window: number;
  readonly totals: Counts;
  readonly series: Series;
  readonly inFlight: number;
  readonly edges: readonly number[];
  readonly operations: readonly Operation[];
  readonly upstreams: readonly Service[];
  readonly limits: {
    readonly enabled: boolean;
    readonly clients: readonly (readonly [string, string, number])[];
    readonly exceeded: readonly (readonly [string, string, string, string, number])[];
    readonly turnedAway: Counts;
    readonly storeErrors: number;
    readonly degraded: boolean;
  };
  readonly cache: Counts;
  readonly shared: boolean;
  readonly shed: readonly (readonly [string, string, number])[];
  readonly documents: {
    readonly kept: number;
    readonly registered: number;
    readonly prepared: number;
    readonly unusable: number;
  };
  readonly codes: readonly (readonly [string, string, number])[];
  readonly errors: readonly ErrorHead[];
}
