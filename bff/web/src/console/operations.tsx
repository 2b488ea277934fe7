/** Operations: which are run, which fail, which take long, which cost. */
import { useState } from "react";
import { Parts } from "./charts";
import { count, ms, NOTHING, share } from "./format";
import { Empty } from "./marks";
import type { Operation, Snapshot } from "./snapshot";

const WHOLE = ["whole", "shared", "kept"];

const sum = (counts: Operation["results"], names: readonly string[]) =>
  names.reduce((total, name) => total + (counts[name] ?? 0), 0);

const failing = (one: Operation) => sum(one.results, ["partial", "refused"]) / Math.max(1, one.runs);
const cost = (one: Operation) => one.cost["actual"] ?? one.cost["estimated"] ?? 0;

const ORDERS = {
  runs: ["Runs", (one: Operation) => one.runs],
  failing: ["Failing", failing],
  p95: ["p95", (one: Operation) => one.p95 ?? 0],
  cost: ["Total cost", cost],
} as const;

type Order = keyof typeof ORDERS;

export function Operations({ snapshot }: { snapshot: Snapshot }) {
  const [order, setOrder] = useState<Order>("runs");
  if (!snapshot.operations.length)
    return <Empty title="No operation has run yet.">Send one to /graphql, or run a tab of GraphiQL.</Empty>;
  const by = ORDERS[order][1];
  const rows = [...snapshot.operations].sort((a, b) => by(b) - by(a));
  const head = (name: Order, label: string = ORDERS[name][0]) => (
    <th scope="col" className="number" aria-sort={order === name ? "descending" : "none"}>
      <button type="button" onClick={() => setOrder(name)}>
        {label}
        <span aria-hidden="true">{order === name ? " ↓" : ""}</span>
      </button>
    </th>
  );
  return (
    <section className="card" aria-label="Operations">
      <p className="faint lead">Since the process began. Names beyond the first hundred that nobody knew count as “other”.</p>
      <div className="scroll" tabIndex={0} role="region" aria-label="Table of operations">
        <table>
          <thead>
            <tr>
              <th scope="col">Operation</th>
              {head("runs")}
              <th scope="col">How they ended</th>
              {head("failing")}
              <th scope="col" className="number">
                p50
              </th>
              {head("p95")}
              <th scope="col" className="number">
                p99
              </th>
              {head("cost")}
            </tr>
          </thead>
          <tbody>
            {rows.map((one) => (
              <tr key={one.name}>
                <th scope="row">
                  {one.name || <i>without a name</i>} {one.kind !== "query" && <span className="tag">{one.kind}</span>}
                </th>
                <td className="number">{count(one.runs)}</td>
                <td className="wide">
                  <Parts
                    label={`Results of ${one.name}`}
                    pieces={[
                      { name: "whole", value: sum(one.results, WHOLE), kind: "hit" },
                      { name: "degraded", value: one.results["degraded"] ?? 0, kind: "stale" },
                      { name: "partial", value: one.results["partial"] ?? 0, kind: "failed" },
                      { name: "cancelled or refused", value: sum(one.results, ["cancelled", "refused"]), kind: "miss" },
                    ]}
                  />
                </td>
                <td className="number">{share(failing(one), 1)}</td>
                <td className="number">{ms(one.p50)}</td>
                <td className="number">{ms(one.p95)}</td>
                <td className="number">{ms(one.p99)}</td>
                <td className="number">{cost(one) ? count(cost(one)) : NOTHING}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <ul className="legend key">
        <li data-kind="hit">whole, also shared or kept</li>
        <li data-kind="stale">degraded: stale or default parts</li>
        <li data-kind="failed">partial: with errors</li>
        <li data-kind="miss">cancelled or refused</li>
      </ul>
    </section>
  );
}
