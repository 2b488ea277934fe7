/** Policies: each value in force with its origin, and the state of reloading. */
import { useEffect, useState } from "react";
import { act, get, wordsOf } from "./api";
import { Action } from "./confirm";
import { clock, many } from "./format";
import { State } from "./marks";

interface Names {
  readonly names: readonly string[];
  readonly endpoints: Readonly<Record<string, readonly string[]>>;
}

interface Values {
  readonly values: readonly { readonly key: string; readonly value: string; readonly origin: string }[];
}

interface WorkerStatus {
  readonly worker: number;
  readonly answered?: boolean;
  readonly generation?: number;
  readonly since?: string;
  readonly digest?: string;
  readonly watching?: boolean;
  readonly restartNeeded?: readonly string[];
  readonly error?: { readonly message?: string } | null;
}

interface Status {
  readonly agree: boolean;
  readonly error: string | null;
  readonly workers: readonly WorkerStatus[];
}

/** Asks `path` now, each few seconds, and whenever `again` changes. */
function usePolled<T>(path: string, again: unknown): readonly [T | null, string] {
  const [answer, setAnswer] = useState<readonly [T | null, string]>([null, ""]);
  useEffect(() => {
    const stop = new AbortController();
    const ask = () =>
      get<T>(path, stop.signal)
        .then((told) => setAnswer([told, ""]))
        .catch((problem) => !stop.signal.aborted && setAnswer(([before]) => [before, wordsOf(problem)]));
    void ask();
    const timer = setInterval(ask, 3000);
    return () => (clearInterval(timer), stop.abort());
  }, [path, again]);
  return answer;
}

function Reload({ reloaded }: { reloaded: () => void }) {
  const [again, setAgain] = useState(0);
  const [status, problem] = usePolled<Status>("admin/api/reload", again);
  if (!status) return <p className="faint">{problem || "Asking which policies are in force…"}</p>;
  const first = status.workers[0];
  const restart = [...new Set(status.workers.flatMap((one) => one.restartNeeded ?? []))];
  return (
    <section className="card reload" aria-labelledby="reload">
      <header>
        <h3 id="reload">In force</h3>
        <State mood={status.error ? "bad" : status.agree ? "good" : "busy"}>
          {status.error ? "the last reload failed" : status.agree ? "all workers agree" : "workers do not agree yet"}
        </State>
        <Action
          plan={() => ({
            title: "Reload policies",
            effect: "All workers read the policy files again. They are checked as a whole; where anything is wrong, everything stays as it is.",
            verb: "Reload",
            run: async () => {
              try {
                const told = await act<Status>("POST", "admin/api/reload");
                return told.error ?? "Reloaded: all workers have read the files.";
              } finally {
                setAgain((before) => before + 1);
                reloaded();
              }
            },
          })}
        >
          Reload now
        </Action>
      </header>
      {status.error && <pre role="status">{status.error}</pre>}
      <p className="faint">
        {first?.watching === false ? "Files are not watched: reload by hand, or by SIGHUP." : "Files are watched: a change that is right is in force within a second."}
        {restart.length > 0 && ` A restart is needed for ${restart.join(", ")}.`}
      </p>
      <ul className="workers">
        {status.workers.map((one) => (
          <li key={one.worker}>
            <State mood={one.answered === false || one.error ? "bad" : "good"}>
              {`worker ${one.worker}: ${one.answered === false ? "no answer" : `generation ${one.generation}`}`}
            </State>
            {one.digest && <span className="faint">{`${one.digest.slice(0, 12)} since ${one.since ? clock(one.since) : "?"}`}</span>}
          </li>
        ))}
      </ul>
    </section>
  );
}

export function Policies({ reload }: { reload: boolean }) {
  const [names, setNames] = useState<Names | string | null>(null);
  const [name, setName] = useState("");
  const [endpoint, setEndpoint] = useState("");
  const [values, setValues] = useState<Values | string | null>(null);
  const [filter, setFilter] = useState("");
  const [stated, setStated] = useState(true);
  const [again, setAgain] = useState(0);
  useEffect(() => {
    get<Names>("admin/api/policies")
      .then((told) => {
        setNames(told);
        setName((before) => before || Object.keys(told.endpoints)[0] || (told.names[0] ?? ""));
      })
      .catch((problem) => setNames(wordsOf(problem)));
  }, [again]);
  useEffect(() => {
    if (!name) return undefined;
    const stop = new AbortController();
    const query = endpoint ? `?endpoint=${encodeURIComponent(endpoint)}` : "";
    get<Values>(`admin/api/policies/${name.split("/").map(encodeURIComponent).join("/")}${query}`, stop.signal)
      .then(setValues)
      .catch((problem) => !stop.signal.aborted && setValues(wordsOf(problem)));
    return () => stop.abort();
  }, [name, endpoint, again]);
  if (names === null) return <p className="faint">Reading…</p>;
  if (typeof names === "string") return <p className="faint">{names}</p>;
  const endpoints = names.endpoints[name] ?? [];
  const all = values && typeof values !== "string" ? values.values : [];
  const wanted = filter.trim().toLowerCase();
  const shown = all.filter(
    (one) => (!stated || one.origin !== "default") && (!wanted || `${one.key} ${one.value}`.toLowerCase().includes(wanted)),
  );
  return (
    <>
      {reload && <Reload reloaded={() => setAgain((before) => before + 1)} />}
      <section className="card" aria-label="Values in force">
        <div className="line">
          <label className="field">
            <span>Policy</span>
            <select value={name} onChange={(event) => (setName(event.target.value), setEndpoint(""))}>
              {names.names.map((one) => (
                <option key={one}>{one}</option>
              ))}
            </select>
          </label>
          {endpoints.length > 0 && (
            <label className="field">
              <span>Endpoint</span>
              <select value={endpoint} onChange={(event) => setEndpoint(event.target.value)}>
                <option value="">all</option>
                {endpoints.map((one) => (
                  <option key={one}>{one}</option>
                ))}
              </select>
            </label>
          )}
          <label className="field grow">
            <span>Find</span>
            <input type="search" value={filter} onChange={(event) => setFilter(event.target.value)} placeholder="timeouts" />
          </label>
          <label className="check">
            <input type="checkbox" checked={stated} onChange={(event) => setStated(event.target.checked)} />
            only what files say
          </label>
        </div>
        {typeof values === "string" && <p className="faint">{values}</p>}
        <div className="scroll" tabIndex={0} role="region" aria-label={`Values of ${name}`}>
          <table>
            <thead>
              <tr>
                <th scope="col">Key</th>
                <th scope="col">Value</th>
                <th scope="col">Origin</th>
              </tr>
            </thead>
            <tbody>
              {shown.map((one) => (
                <tr key={one.key} data-default={one.origin === "default"}>
                  <th scope="row">
                    <code>{one.key}</code>
                  </th>
                  <td>
                    <code>{one.value}</code>
                  </td>
                  <td className="faint">{one.origin}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
        <p className="faint" role="status">
          {shown.length || !all.length
            ? `${many(shown.length, "value")} of ${all.length}`
            : "No file says anything here: all values are defaults."}
        </p>
      </section>
    </>
  );
}
