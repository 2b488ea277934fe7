/** Trials: how other hosts do that get a share of the calls, or copies of them. */
import { useEffect, useState } from "react";
import { get } from "./api";
import { Parts } from "./charts";
import { clock, count, share } from "./format";
import { State } from "./marks";

interface Shadow {
  readonly counts: Readonly<Record<string, number>>;
  readonly last: readonly {
    readonly at: number;
    readonly endpoint: string;
    readonly differences: readonly { readonly path: string; readonly kind: string }[];
  }[];
}

interface Arm {
  readonly calls: number;
  readonly failureShare: number;
}

interface Canary {
  readonly stopped: boolean;
  readonly canary: Arm;
  readonly stable: Arm;
}

type Workers<T> = Readonly<Record<string, Readonly<Record<string, T>>>>;

const KINDS: Readonly<Record<string, string>> = { same: "hit", different: "failed", failed: "stale" };
const SHOWN = 8;

/** Asks `path` every few seconds, where there is something to ask; returns what each service has in all workers. */
function useTrials<T>(path: string, there: boolean): ReadonlyMap<string, readonly T[]> {
  const [told, setTold] = useState<ReadonlyMap<string, readonly T[]>>(new Map());
  useEffect(() => {
    if (!there) return undefined;
    const stop = new AbortController();
    const ask = () =>
      get<{ workers: Workers<T> }>(path, stop.signal)
        .then(({ workers }) => {
          const found = new Map<string, T[]>();
          for (const services of Object.values(workers))
            for (const [name, one] of Object.entries(services)) found.set(name, [...(found.get(name) ?? []), one]);
          setTold(found);
        })
        .catch(() => undefined); // the stream of figures tells that nobody answers
    void ask();
    const timer = setInterval(ask, 3000);
    return () => (clearInterval(timer), stop.abort());
  }, [path, there]);
  return told;
}

function ShadowCard({ name, parts }: { name: string; parts: readonly Shadow[] }) {
  const counts = new Map<string, number>();
  for (const part of parts) for (const [kind, number] of Object.entries(part.counts)) counts.set(kind, (counts.get(kind) ?? 0) + number);
  const last = parts.flatMap((part) => part.last).sort((a, b) => b.at - a.at);
  return (
    <section className="card" aria-label={`Shadow of ${name}`}>
      <header>
        <h3>{name}</h3>
        <span className="faint">shadow</span>
      </header>
      <Parts
        legend
        label={`Copies of calls to ${name}`}
        pieces={[...counts].map(([kind, value]) => ({ name: kind, value, kind: KINDS[kind] ?? "miss" }))}
      />
      {last.length > 0 && (
        <ul className="workers">
          {last.slice(0, SHOWN).map((one, index) => (
            <li key={index}>
              <span className="faint">{`${clock(one.at * 1000)} ${one.endpoint}`}</span>
              <code>{one.differences.map(({ path, kind }) => `${path || "the whole"}: ${kind}`).join(", ")}</code>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function CanaryCard({ name, parts }: { name: string; parts: readonly Canary[] }) {
  const arm = (which: "canary" | "stable") => {
    const calls = parts.reduce((sum, part) => sum + part[which].calls, 0);
    return [calls, parts.reduce((sum, part) => sum + part[which].calls * part[which].failureShare, 0)] as const;
  };
  const stopped = parts.filter((part) => part.stopped).length;
  return (
    <section className="card" aria-label={`Canary of ${name}`}>
      <header>
        <h3>{name}</h3>
        <State mood={stopped ? "bad" : "good"}>
          {stopped ? `canary stopped${stopped < parts.length ? ` in ${stopped} of ${parts.length} workers` : ""}` : "canary gets its share"}
        </State>
      </header>
      <dl className="facts">
        {(["canary", "stable"] as const).map((which) => {
          const [calls, failures] = arm(which);
          return [<dt key={which}>{which}</dt>, <dd key={`${which}-calls`}>{`${share(failures, calls)} of ${count(calls)} calls failed`}</dd>];
        })}
      </dl>
    </section>
  );
}

export function Trials({ shadow, canary }: { shadow: boolean; canary: boolean }) {
  const copies = useTrials<Shadow>("admin/api/shadow", shadow);
  const shares = useTrials<Canary>("admin/api/canary", canary);
  if (!copies.size && !shares.size) return null;
  return (
    <div className="cards trials">
      {[...shares].map(([name, parts]) => (
        <CanaryCard key={name} name={name} parts={parts} />
      ))}
      {[...copies].map(([name, parts]) => (
        <ShadowCard key={name} name={name} parts={parts} />
      ))}
    </div>
  );
}
