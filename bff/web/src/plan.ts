/** What an operation will do, as `POST /graphql/explain` tells it; `bff/explain/plan.py` is the other side. */

export interface Count {
  readonly least: number;
  readonly most: number;
}

export interface Step {
  readonly endpoint: string;
  readonly upstream: string;
  readonly method: string;
  readonly target: string;
  readonly fields: readonly string[];
  readonly calls: Count;
  readonly why: string;
  readonly cache: string;
  readonly worstMs: number;
  readonly timing: string;
  readonly startMs: number;
}

export interface Loss {
  readonly path: string;
  readonly instead: string;
  /** The path that becomes null, empty for the whole answer, null where nothing does. */
  readonly nulls: string | null;
  readonly certain: boolean;
  readonly why: string;
}

export interface Plan {
  readonly operation: string | null;
  readonly kind: string;
  readonly waves: readonly { readonly number: number; readonly steps: readonly Step[] }[];
  readonly calls: Count;
  readonly cost: number | null;
  readonly latency: { readonly worstMs: number; readonly callsMs: number; readonly deadlineMs: number };
  readonly keeping: {
    readonly verdict: "never" | "private" | "public";
    readonly limits: readonly { readonly endpoint: string | null; readonly why: string }[];
  };
  readonly sharing: { readonly why: string };
  readonly outage: {
    readonly upstreams: readonly string[];
    readonly lost: readonly Loss[];
    readonly gone: readonly string[];
    readonly nothingLeft: boolean;
  } | null;
  readonly assumed: readonly string[];
  readonly warnings: readonly string[];
}

export interface Question {
  readonly query: string;
  readonly variables: string;
  readonly operationName: string | null;
  readonly without: readonly string[];
}

/** Returns the plan of an operation; throws an error that says why there is none. */
export async function askForPlan(endpoint: string, question: Question, signal: AbortSignal): Promise<Plan> {
  const { query, operationName, without } = question;
  const variables = parsedVariables(question.variables);
  const answer = await fetch(new URL(`${endpoint}/explain`, location.href), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ query, variables, operationName, without }),
    signal,
  });
  const type = answer.headers.get("content-type") ?? "";
  if (!type.includes("json")) throw new Error(`the server answered ${answer.status}, not a plan`);
  const found = (await answer.json()) as Plan & { errors?: { message: string }[]; detail?: string };
  if (found.errors) throw new Error(found.errors.map(({ message }) => message).join("\n"));
  if (!answer.ok) throw new Error(found.detail ?? `the server answered ${answer.status}`);
  return found;
}

function parsedVariables(text: string): unknown {
  if (!text.trim()) return {};
  try {
    return JSON.parse(text);
  } catch {
    throw new Error("the variables are not JSON");
  }
}

/** Returns `3 calls` or `1 to 3 calls`. */
export function calls({ least, most }: Count): string {
  const number = least === most ? `${most}` : `${least} to ${most}`;
  return `${number} ${number === "1" ? "call" : "calls"}`;
}

/** Returns `ms` milliseconds as people read them. */
export function duration(ms: number): string {
  return ms < 1000 ? `${ms} ms` : `${Math.round(ms / 10) / 100} s`;
}
