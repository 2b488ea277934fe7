/** Asks the admin API. The token that somebody typed in lives as long as this page, and nowhere else. */

export interface Me {
  readonly who: string;
  readonly role: "none" | "read" | "act";
  /** Why not more, as a sentence. */
  readonly why: string;
  /** Whether credentials would help. */
  readonly credentials: boolean;
  readonly features: Readonly<Record<"reload" | "experiments" | "shadow" | "canary", boolean>>;
}

/** An answer that is no success; `message` is for people. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

let token = "";

export function rememberToken(text: string): void {
  token = text.trim().replace(/^bearer\s+/i, "");
}

function headers(more: Record<string, string> = {}): Record<string, string> {
  return { "x-bff-csrf": "1", ...(token ? { authorization: `Bearer ${token}` } : {}), ...more };
}

async function problemOf(response: Response): Promise<Refused> {
  const text = await response.text();
  try {
    const { detail, title, error } = JSON.parse(text) as { detail?: unknown; title?: unknown; error?: unknown };
    const said = [detail, error, title].find((one) => typeof one === "string");
    return new Refused(response.status, (said as string | undefined) ?? response.statusText);
  } catch {
    return new Refused(response.status, response.statusText || `status ${response.status}`);
  }
}

/** Sends one request, relative to this page; throws `Refused` for anything but a success. */
export async function send(path: string, init: RequestInit = {}): Promise<Response> {
  const response = await fetch(path, { ...init, cache: "no-store", headers: headers(init.headers as Record<string, string>) });
  if (!response.ok) throw await problemOf(response);
  return response;
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await (await send(path, signal ? { signal } : {})).json()) as T;
}

export async function act<T>(method: "POST" | "DELETE", path: string, body?: unknown): Promise<T> {
  const text = body === undefined ? {} : { body: JSON.stringify(body) };
  const response = await send(path, { method, ...text, headers: { "content-type": "application/json" } });
  return (await response.json()) as T;
}

/** Returns what went wrong as a sentence. */
export function wordsOf(problem: unknown): string {
  if (problem instanceof Refused) return problem.message;
  return "The process does not answer. It may be restarting; try again in a moment.";
}
