/** The panel "Faults": breaks services for the runs of this page alone; and the badge that says so meanwhile. */
import type { GraphiQLPlugin } from "@graphiql/react";
import { useEffect, useState, useSyncExternalStore } from "react";
import { FAULTS, type Broken, type Faults } from "./faults";
import "./faults.css";

function useBroken(faults: Faults): Broken {
  return useSyncExternalStore(faults.subscribe, faults.get);
}

function Icon() {
  return (
    <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.5" strokeLinejoin="round" aria-hidden="true">
      <path d="M13 3 5 14h6l-1 7 8-11h-6z" />
    </svg>
  );
}

function words(fault: string): string {
  return FAULTS.find(([, value]) => value === fault)?.[0] ?? fault;
}

function Panel({ faults }: { faults: Faults }) {
  const { faults: picked, cold, until } = useBroken(faults);
  const { upstreams, header } = faults.rules;
  return (
    <section className="bff-faults" aria-label="Faults">
      <div className="graphiql-doc-explorer-title">Faults</div>
      <p>See your screen with a service broken. Only runs from this page feel it, for ten minutes at most.</p>
      {upstreams.length === 0 && <p>No upstream is configured, so there is nothing to break.</p>}
      {upstreams.map((name) => (
        <label key={name} className="bff-fault" data-broken={name in picked}>
          <span>{name}</span>
          <select value={picked[name] ?? ""} onChange={(event) => faults.pick(name, event.target.value)}>
            <option value="">well</option>
            {FAULTS.map(([said, value]) => (
              <option key={value} value={value}>
                {said}
              </option>
            ))}
          </select>
        </label>
      ))}
      <label className="bff-fault-cold">
        <input type="checkbox" checked={cold} onChange={(event) => faults.forget(event.target.checked)} />
        <span>as if nothing old were kept to stand in</span>
      </label>
      <button type="button" className="bff-login" disabled={until === 0} onClick={faults.clear}>
        All well again
      </button>
      <p className="bff-fault-how">
        Each run then carries <code>{header}</code>; the answer says in <code>extensions.faults</code> what was done.
      </p>
    </section>
  );
}

/** Returns the panel over `faults`. */
export function faultsPlugin(faults: Faults): GraphiQLPlugin {
  return { title: "Faults", icon: Icon, content: () => <Panel faults={faults} /> };
}

function left(milliseconds: number): string {
  const seconds = Math.max(0, Math.ceil(milliseconds / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/** Says what is broken and for how long, while anything is; one click ends it. */
export function FaultsBadge({ faults }: { faults: Faults }) {
  const { faults: picked, until } = useBroken(faults);
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (until === 0) return;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [until]);
  if (until === 0) return null;
  const broken = Object.entries(picked).map(([name, fault]) => `${name}: ${words(fault)}`);
  return (
    <div role="group" aria-label="Broken on purpose" className="bff-fault-badge">
      <strong>{broken.join(", ")}</strong>
      <span aria-hidden="true">{left(until - now)}</span>
      <button type="button" className="bff-login" onClick={faults.clear}>
        Clear
      </button>
    </div>
  );
}
