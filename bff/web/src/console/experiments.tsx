/** Experiments: faults on purpose, which end by themselves. */
import { useEffect, useState } from "react";
import { act, get, wordsOf } from "./api";
import { Action } from "./confirm";
import { count, many, share, span } from "./format";
import { Empty, State } from "./marks";

interface Experiment {
  readonly id: string;
  readonly upstream: string;
  readonly endpoint: string | null;
  readonly fault: string;
  readonly share: number;
  readonly scope: string;
  readonly leftMs: number;
  readonly stopWhenErrorsAbove: number | null;
  readonly note: string;
  readonly hits: number;
  readonly operations: number;
  readonly failed: number;
}

interface Told {
  readonly allowed: boolean;
  readonly maxShare: number;
  readonly maxDurationMs: number;
  readonly upstreams: readonly string[];
  readonly experiments: readonly Experiment[];
  readonly unanswered: readonly number[];
}

const FAULTS = ["503", "slow(2s)", "hang", "reset", "garbage"];
const DURATIONS = { "1m": 60, "5m": 300, "10m": 600, "30m": 1800, "1h": 3600 };

function useExperiments(again: number): readonly [Told | null, string] {
  const [told, setTold] = useState<readonly [Told | null, string]>([null, ""]);
  useEffect(() => {
    const stop = new AbortController();
    const ask = () =>
      get<Told>("admin/api/experiments", stop.signal)
        .then((answer) => setTold([answer, ""]))
        .catch((problem) => !stop.signal.aborted && setTold(([before]) => [before, wordsOf(problem)]));
    void ask();
    const timer = setInterval(ask, 2000);
    return () => (clearInterval(timer), stop.abort());
  }, [again]);
  return told;
}

function Running({ one, changed }: { one: Experiment; changed: () => void }) {
  const where = one.endpoint ? `${one.upstream}.${one.endpoint}` : one.upstream;
  return (
    <li className="row">
      <span className="what">{where}</span>
      <span className="how">
        <State mood="held">{one.fault}</State>
        <span className="faint">
          {[
            `${share(one.share, 1)} of calls`,
            one.scope,
            `ends in ${span(one.leftMs / 1000)}`,
            many(one.hits, "call") + " hit",
            `${count(one.failed)} of ${many(one.operations, "operation")} failed`,
            one.stopWhenErrorsAbove !== null && `stops above ${share(one.stopWhenErrorsAbove, 1)}`,
            one.note,
          ]
            .filter(Boolean)
            .join(" · ")}
        </span>
      </span>
      <span className="actions">
        <Action
          label={`Stop the experiment with ${where}`}
          plan={() => ({
            title: `Stop the experiment with ${where}`,
            effect: "Calls go their usual way again, in all workers.",
            verb: "Stop",
            run: async () => {
              await act("DELETE", `admin/api/experiments/${encodeURIComponent(one.id)}`);
              changed();
              return `The experiment with ${where} has ended.`;
            },
          })}
        >
          Stop
        </Action>
      </span>
    </li>
  );
}

export function Experiments() {
  const [again, setAgain] = useState(0);
  const [told, problem] = useExperiments(again);
  const [form, setForm] = useState({ upstream: "", endpoint: "", fault: "503", share: "10", duration: "1m", scope: "everyone", above: "" });
  const set = (key: keyof typeof form) => (event: { target: { value: string } }) => setForm({ ...form, [key]: event.target.value });
  const changed = () => setAgain((before) => before + 1);
  if (!told) return problem ? <Empty title="No experiments here.">{problem}</Empty> : <p className="faint">Asking…</p>;
  const upstream = form.upstream || (told.upstreams[0] ?? "");
  const start = {
    title: `Break ${upstream}: ${form.fault}`,
    effect: `${form.share}% of the calls to ${form.endpoint ? `${upstream}.${form.endpoint}` : upstream} fail this way on purpose, for ${form.scope}, during ${form.duration} at most. Answers that were touched say so.`,
    verb: "Start",
    type: upstream,
    run: async () => {
      await act("POST", "admin/api/experiments", {
        upstream,
        fault: form.fault,
        share: `${form.share}%`,
        duration: form.duration,
        scope: form.scope,
        ...(form.endpoint ? { endpoint: form.endpoint } : {}),
        ...(form.above ? { stop_when_errors_above: `${form.above}%` } : {}),
      });
      changed();
      return `${upstream} is broken on purpose: ${form.fault}, for ${form.duration} at most.`;
    },
  };
  return (
    <>
      <section className="card" aria-labelledby="running">
        <header>
          <h3 id="running">Running</h3>
        </header>
        {told.experiments.length ? (
          <ul className="rows">
            {told.experiments.map((one) => (
              <Running key={one.id} one={one} changed={changed} />
            ))}
          </ul>
        ) : (
          <Empty title="No experiment runs.">Every failure you see is a real one.</Empty>
        )}
      </section>
      {told.unanswered.length > 0 && <p className="notice">{`Worker ${told.unanswered.join(", ")} does not answer: what runs there is not in the list.`}</p>}
      <section className="card" aria-labelledby="start">
        <header>
          <h3 id="start">Start one</h3>
        </header>
        {!told.allowed ? (
          <Empty title="Policy allows no experiments here.">
            <code>fault_injection</code> in <code>policies/operations.yaml</code> says who may start them.
          </Empty>
        ) : (
          <div className="line">
            <label className="field">
              <span>Service</span>
              <select value={upstream} onChange={set("upstream")}>
                {told.upstreams.map((one) => (
                  <option key={one}>{one}</option>
                ))}
              </select>
            </label>
            <label className="field">
              <span>Endpoint, or all</span>
              <input value={form.endpoint} onChange={set("endpoint")} spellCheck={false} autoComplete="off" />
            </label>
            <label className="field">
              <span>What breaks</span>
              <input value={form.fault} onChange={set("fault")} list="faults" spellCheck={false} />
              <datalist id="faults">
                {FAULTS.map((one) => (
                  <option key={one} value={one} />
                ))}
              </datalist>
            </label>
            <label className="field">
              <span>Share, %</span>
              <input type="number" min="1" max={told.maxShare * 100} value={form.share} onChange={set("share")} />
            </label>
            <label className="field">
              <span>Stop above % errors</span>
              <input type="number" min="1" max="100" value={form.above} onChange={set("above")} placeholder="never" />
            </label>
            <label className="field">
              <span>For</span>
              <select value={form.duration} onChange={set("duration")}>
                {Object.entries(DURATIONS)
                  .filter(([, seconds]) => seconds * 1000 <= told.maxDurationMs)
                  .map(([one]) => (
                    <option key={one}>{one}</option>
                  ))}
              </select>
            </label>
            <label className="field grow">
              <span>Whom</span>
              <input value={form.scope} onChange={set("scope")} list="scopes" spellCheck={false} />
              <datalist id="scopes">
                {["everyone", "client:NAME", "principal:SUBJECT", "operation:NAME"].map((one) => (
                  <option key={one} value={one} />
                ))}
              </datalist>
            </label>
            <Action plan={() => start}>Start</Action>
          </div>
        )}
      </section>
    </>
  );
}
