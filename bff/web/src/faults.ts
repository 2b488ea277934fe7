/** Services that this page breaks for its own runs: which, how, and for how long; sent as a request header. */
import type { Fetcher } from "@graphiql/toolkit";
import type { FaultRules } from "./config";

/** What can be picked: how it reads, and what the header says. */
export const FAULTS = [
  ["slow, half a second", "slow(500ms)"],
  ["slow, 2 s", "slow(2s)"],
  ["503", "503"],
  ["no answer", "hang"],
  ["connection reset", "reset"],
  ["garbage", "garbage"],
] as const;

const LASTING = 10 * 60_000; // milliseconds
const GRANT = 60_000; // each run's header holds no longer, so that a copied one ends soon

export interface Broken {
  /** What the header says, by the name of the upstream. */
  readonly faults: Readonly<Record<string, string>>;
  /** Whether to behave as if nothing old were kept. */
  readonly cold: boolean;
  /** When all are well again, in milliseconds since 1970; 0 while nothing is broken. */
  readonly until: number;
}

const WELL: Broken = { faults: {}, cold: false, until: 0 };

/** What is broken, and who wants to know of changes. */
export class Faults {
  #broken: Broken = WELL;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #listeners = new Set<() => void>();

  constructor(readonly rules: FaultRules) {}

  readonly get = (): Broken => this.#broken;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Breaks `upstream` by `fault`, or mends it where that is empty; the time begins anew. */
  pick(upstream: string, fault: string): void {
    const { [upstream]: _, ...others } = this.#broken.faults;
    const faults = fault ? { ...others, [upstream]: fault } : others;
    this.#set({ ...this.#broken, faults });
  }

  forget(cold: boolean): void {
    this.#set({ ...this.#broken, cold });
  }

  readonly clear = (): void => this.#set(WELL);

  /** Returns the value of the header for a run at `now`; null where nothing is broken. */
  header(now: number): string | null {
    const { faults, cold, until } = this.#broken;
    const parts = Object.entries(faults).map(([upstream, fault]) => `${upstream}=${fault}`);
    if (parts.length === 0 || now >= until) return null;
    const end = Math.floor(Math.min(until, now + Math.min(GRANT, this.rules.maxSeconds * 500)) / 1000) + 1;
    return [...parts, ...(cold ? ["cache=empty"] : []), `until=${end}`].join(";");
  }

  #set(broken: Broken): void {
    clearTimeout(this.#timer);
    const lasting = Math.min(LASTING, this.rules.maxSeconds * 1000);
    const any = Object.keys(broken.faults).length > 0;
    this.#broken = { ...broken, until: any ? Date.now() + lasting : 0 };
    if (any) this.#timer = setTimeout(this.clear, lasting);
    this.#listeners.forEach((listener) => listener());
  }
}

/** Returns `fetcher` with what is broken in the header of each run. Whoever writes that header herself is left alone. */
export function withFaults(fetcher: Fetcher, faults: Faults): Fetcher {
  const name = faults.rules.header;
  return (params, options) => {
    const own = Object.keys(options?.headers ?? {}).some((header) => header.toLowerCase() === name);
    const value = faults.header(Date.now());
    if (params.operationName === "IntrospectionQuery" || own || value === null) return fetcher(params, options);
    return fetcher(params, { ...options, headers: { ...options?.headers, [name]: value } });
  };
}
