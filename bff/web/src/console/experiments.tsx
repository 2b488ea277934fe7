/** Experiments: faults on purpose, which end by themselves. */
import { useEffect, useState } from "react";
import { act, get, wordsOf } from "./api";
import { Action } from "./confirm";
import { share, span } from "./format";
import { Empty, State } from "./marks";

interface Experiment {
  readonly id: string;
  readonly upstream: string;
  readonly endpoint: string | null;
  readonly fault: string;
  readonly share: number;
  readonly scope: string;
  readonly endsInMs?: number;
  readonly hits?: number;
}

interface Told {
  readonly experiments: readonly Experiment[];
  readonly allowed?: boolean;
  readonly why?: string;
}

const FAULTS = ["503", "slow(2s)", "hang", "reset", "garbage"];
const DURATIONS = ["1m", "5m", "10m"];

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
          {[`${share(one.share, 1)} of calls`, one.scope, one.endsInMs !== undefined && `ends in ${span(one.endsInMs / 1000)}`, one.hits !== undefined && `${one.hits} hit`]
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

export function Experiments({ upstreams }: { upstreams: readonly string[] }) {
  const [again, setAgain] = useState(0);
  const [told, problem] = useExperiments(again);
  const [form, setForm] = useState({ upstream: upstreams[0] ?? "", endpoint: "", fault: "503", share: "10", duration: "5m", scope: "everyone" });
  const set = (key: keyof typeof form) => (event: { target: { value: string } }) => setForm({ ...form, [key]: event.target.value });
  const changed = () => setAgain((before) => before + 1);
  if (!told) return problem ? <Empty title="No experiments here.">{problem}</Empty> : <p className="faint">Asking…</p>;
  const start = {
    title: `Break ${form.upstream}: ${form.fault}`,
    effect: `${form.share}% of the calls to ${form.endpoint ? `${form.upstream}.${form.endpoint}` : form.upstream} fail this way on purpose, for ${form.scope}, during ${form.duration} at most. Answers that were touched say so.`,
    verb: "Start",
    type: form.upstream,
    run: async () => {
      await act("POST", "admin/api/experiments", {
        upstream: form.upstream,
        fault: form.fault,
        share: Number(form.share) / 100,
        duration: form.duration,
        scope: form.scope,
        ...(form.endpoint ? { endpoint: form.endpoint } : {}),
      });
      changed();
      return `${form.upstream} is broken on purpose: ${form.fault}, for ${form.duration} at most.`;
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
      <section className="card" aria-labelledby="start">
        <header>
          <h3 id="start">Start one</h3>
        </header>
        {told.allowed === false ? (
          <Empty title="Policy allows no experiments here.">{told.why ?? "fault_injection in policies/operations.yaml says who may start them."}</Empty>
        ) : (
          <div className="line">
            <label className="field">
              <span>Service</span>
              <select value={form.upstream} onChange={set("upstream")}>
                {upstreams.map((one) => (
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
              <input type="number" min="1" max="100" value={form.share} onChange={set("share")} />
            </label>
            <label className="field">
              <span>For</span>
              <select value={form.duration} onChange={set("duration")}>
                {DURATIONS.map((one) => (
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
