/** Tells Monaco where its workers are: beside this file, under names that the build knows. */
import type { Environment } from "monaco-editor";

declare const WORKERS: Readonly<{ editor: string; json: string; graphql: string }>;

function isOwn(label: string): label is keyof typeof WORKERS {
  return Object.hasOwn(WORKERS, label);
}

const environment: Environment = {
  getWorker: (_id, label) => new Worker(new URL(WORKERS[isOwn(label) ? label : "editor"], import.meta.url)),
};

Object.assign(globalThis, { MonacoEnvironment: environment });
