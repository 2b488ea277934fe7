/** The process in one row of figures. */
import { Minute } from "./charts";
import { bytes, count, many, rate, share } from "./format";
import { Mark } from "./marks";
import type { Snapshot } from "./snapshot";

function Tile({ name, value, more, bad = false }: { name: string; value: string; more?: string; bad?: boolean }) {
  return (
    <div className="tile" data-bad={bad}>
      <dt>{name}</dt>
      <dd>
        <b>
          {bad && <Mark mood="bad" />}
          {value}
        </b>
        {more && <span className="faint">{more}</span>}
      </dd>
    </div>
  );
}

export function Overview({ snapshot }: { snapshot: Snapshot }) {
  const totals = snapshot.totals;
  const seconds = Math.max(1, snapshot.window);
  const total = (name: string) => totals[name] ?? 0;
  const [operations, partial, degraded] = [total("operations"), total("partial"), total("degraded")];
  const refused = total("shed") + total("limited");
  const cached = (kinds: readonly string[]) =>
    snapshot.upstreams.reduce((sum, one) => sum + kinds.reduce((some, kind) => some + (one.counts[`cache.${kind}`] ?? 0), 0), 0);
  const [hits, stale, lookups] = [
    cached(["hit", "early", "revalidated"]),
    cached(["stale"]),
    cached(["hit", "early", "revalidated", "stale", "miss"]),
  ];
  const lag = Math.max(...snapshot.workers.map((one) => one.lagMs));
  return (
    <section className="overview" aria-label="The whole process, last minute">
      <div className="rate">
        <dl>
          <Tile name="operations/s" value={rate(operations / seconds)} more={`last ${seconds} s`} />
        </dl>
        <Minute series={snapshot.series} label="operations" part="with errors" />
      </div>
      <dl className="tiles">
        <Tile name="with errors" value={share(partial, operations)} more={`${count(partial)} partial`} bad={operations > 0 && partial / operations >= 0.05} />
        <Tile name="degraded" value={share(degraded, operations)} more="stale or default" />
        <Tile name="refused" value={count(refused)} more={`${count(total("shed"))} shed, ${count(total("limited"))} limited`} bad={total("shed") > 0} />
        <Tile name="in flight" value={count(snapshot.inFlight)} more={`loop ${lag} ms late`} bad={lag >= 50} />
        <Tile name="from cache" value={share(hits, lookups)} more={`${share(stale, lookups)} stale`} />
        <Tile
          name="memory"
          value={bytes(snapshot.workers.reduce((sum, one) => sum + one.memory, 0))}
          more={many(snapshot.workers.length, "worker")}
        />
      </dl>
    </section>
  );
}
