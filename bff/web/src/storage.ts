/** Where GraphiQL keeps its tabs: the browser's local storage, one drawer for each set of ready operations. */
import type { Storage } from "@graphiql/toolkit";
import type { Config } from "./config";

const TABS = "graphiql:tabState";
const QUERY = "graphiql:query";
const VARIABLES = "graphiql:variables";
const HEADERS = "graphiql:headers";
const HISTORY: readonly string[] = ["graphiql:queries", "graphiql:favorites"];
const PER_VERSION: readonly string[] = [TABS, QUERY, VARIABLES, HEADERS];

/** Returns the text of a history in which every item has `headers` for its own, as those may hold a real token. */
function withHeaders(history: string, headers: string): string {
  return JSON.stringify(JSON.parse(history), (key, value: unknown) => (key === "headers" ? headers : value));
}

/** Returns a storage in which the first ready operation is open until the reader edits something. */
export function openStorage({ version, operations, headers }: Config): Storage {
  const keyOf = (name: string) => (PER_VERSION.includes(name) ? `bff:${version}:${name}` : `bff:${name}`);
  const storage: Storage = {
    get length() {
      return localStorage.length;
    },
    getItem: (name) => localStorage.getItem(keyOf(name)),
    setItem: (name, value) =>
      localStorage.setItem(keyOf(name), HISTORY.includes(name) ? withHeaders(value, headers) : value),
    removeItem: (name) => localStorage.removeItem(keyOf(name)),
    clear: () => localStorage.clear(),
  };
  const [first] = operations;
  if (first && storage.getItem(QUERY) === null) {
    storage.setItem(QUERY, first.query);
    storage.setItem(VARIABLES, first.variables ?? "");
  }
  return storage;
}

/** Forgets all edited tabs, so that the ready ones are there after the page is loaded again. */
export function forgetTabs(storage: Storage): void {
  PER_VERSION.forEach((name) => storage.removeItem(name));
}
