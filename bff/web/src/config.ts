/** What the server wrote into the page; `bff/server/graphiql.py` is the other side. */

export interface Operation {
  readonly query: string;
  /** JSON text, or null where the operation takes none. */
  readonly variables: string | null;
}

/** Who may break services for one's own runs, and how. */
export interface FaultRules {
  /** The request header that asks for it, in lower case. */
  readonly header: string;
  /** Longest time that one may last. */
  readonly maxSeconds: number;
  /** Public names of the services. */
  readonly upstreams: readonly string[];
}

export interface Config {
  /** Path of the endpoint on this host. */
  readonly endpoint: string;
  readonly operations: readonly Operation[];
  /** JSON text of the headers that a fresh tab sends. */
  readonly headers: string;
  /** The header that asks for `extensions.trace`, in lower case; null where nobody gets it. */
  readonly traceHeader: string | null;
  /** Where people log in, relative to this page; null where they cannot. */
  readonly login: string | null;
  /** How services are broken on purpose; null where nobody may. */
  readonly faults: FaultRules | null;
  /** Changes whenever the operations do. */
  readonly version: string;
}

/** Returns the page's configuration; throws where the page has none. */
export function readConfig(): Config {
  const element = document.getElementById("bff-config");
  if (!element?.textContent) throw new Error("this page has no configuration: it was not served by bff");
  return JSON.parse(element.textContent) as Config;
}
