/** Callers and documents: who asks how much, what is refused, what is kept ready. */
import { useState } from "react";
import { Action } from "./confirm";
import { bytes, count, many, span } from "./format";
import { Empty, State } from "./marks";
import { purgePlan } from "./services";
import type { Snapshot } from "./snapshot";

function Table({ head, rows, label }: { head: readonly string[]; rows: readonly (readonly (string | number)[])[]; label: string }) {
  return (
    <div className="scroll" tabIndex={0} role="region" aria-label={label}>
      <table>
        <thead>
          <tr>
            {head.map((name, index) => (
              <th key={name} scope="col" className={index === head.length - 1 ? "number" : undefined}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, index) => (
            <tr key={index}>
              {row.map((cell, place) => (
                <td key={place} className={typeof cell === "number" ? "number" : undefined}>
                  {typeof cell === "number" ? count(cell) : cell}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Limits({ snapshot }: { snapshot: Snapshot }) {
  const { limits, shed } = snapshot;
  const away = Object.entries(limits.turnedAway);
  return (
    <section className="card" aria-labelledby="limits">
      <header>
        <h3 id="limits">Limits</h3>
        {limits.enabled && (
          <State mood={limits.degraded ? "bad" : "good"}>
            {limits.degraded ? "each process counts alone" : snapshot.shared ? "counted together" : "counted here"}
          </State>
        )}
      </header>
      {!limits.enabled && (
        <Empty title="No limits are configured.">
          <code>policies/clients/default.yaml</code> says how often clients may ask.
        </Empty>
      )}
      {limits.storeErrors > 0 && <p>{`${many(limits.storeErrors, "time")} the shared counters did not answer.`}</p>}
      {limits.clients.length > 0 && (
        <Table
          label="Clients"
          head={["Client", "Version", "Requests"]}
          rows={limits.clients.map(([client, version, number]) => [client, version, number])}
        />
      )}
      {limits.exceeded.length > 0 && (
        <Table label="Limits that did not suffice" head={["Client", "Limit", "What happened", "Counted", "Requests"]} rows={limits.exceeded} />
      )}
      <dl className="facts">
        {away.map(([reason, number]) => [
          <dt key={reason}>{`Turned away by ${reason}`}</dt>,
          <dd key={`${reason}-number`}>{count(number)}</dd>,
        ])}
        <dt>Shed</dt>
        <dd>
          {shed.length
            ? shed.map(([priority, reason, number]) => `${count(number)} of priority ${priority} (${reason})`).join(", ")
            : "nothing was refused for want of room"}
        </dd>
      </dl>
    </section>
  );
}

function Documents({ snapshot }: { snapshot: Snapshot }) {
  const { kept, registered, prepared, unusable } = snapshot.documents;
  const behind = prepared < registered;
  return (
    <section className="card" aria-labelledby="documents">
      <header>
        <h3 id="documents">Documents</h3>
        {registered > 0 && (
          <State mood={unusable ? "bad" : behind ? "busy" : "good"}>
            {unusable ? `${many(unusable, "document")} unusable` : behind ? "getting ready" : "all ready"}
          </State>
        )}
      </header>
      <dl className="facts">
        <dt>Kept compiled</dt>
        <dd>{`${count(kept)} in each worker`}</dd>
        <dt>Registered</dt>
        <dd>{registered ? `${count(prepared)} of ${count(registered)} ready` : "none; any text is judged when it comes"}</dd>
      </dl>
      <h4>Workers</h4>
      <ul className="workers">
        {snapshot.workers.map((one) => (
          <li key={one.worker}>
            <State mood={one.phase === "ready" ? "good" : "busy"}>{`worker ${one.worker}: ${one.phase}`}</State>
            <span className="faint">
              {`${bytes(one.memory)} · ${count(one.inFlight)} in flight · loop ${one.lagMs} ms late · up ${span(snapshot.at - one.since)}`}
            </span>
          </li>
        ))}
        {snapshot.missing.map((number) => (
          <li key={number}>
            <State mood="bad">{`worker ${number} does not answer`}</State>
            <span className="faint">Its part is missing in all figures.</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Cache({ snapshot }: { snapshot: Snapshot }) {
  const [kind, setKind] = useState<"tag" | "key">("tag");
  const [name, setName] = useState("");
  const cache = snapshot.cache;
  return (
    <section className="card" aria-labelledby="cache">
      <header>
        <h3 id="cache">Cache</h3>
        <span className="faint">{snapshot.shared ? "shared in Redis, and in each process" : "in each process alone"}</span>
      </header>
      <dl className="facts">
        <dt>Entries here</dt>
        <dd>{`${count(cache["local_entries"] ?? 0)} in ${bytes(cache["local_bytes"] ?? 0)}`}</dd>
        <dt>Made room</dt>
        <dd>{count(cache["local_evicted"] ?? 0)}</dd>
        <dt>Store failed</dt>
        <dd>{many(cache["store_errors"] ?? 0, "time")}</dd>
      </dl>
      <div className="line">
        <label className="field">
          <span>Forget by</span>
          <select value={kind} onChange={(event) => setKind(event.target.value as "tag" | "key")}>
            <option value="tag">tag</option>
            <option value="key">key</option>
          </select>
        </label>
        <label className="field grow">
          <span>{kind === "tag" ? "Tag" : "Key"}</span>
          <input value={name} onChange={(event) => setName(event.target.value)} placeholder={kind === "tag" ? "menus" : ""} spellCheck={false} autoComplete="off" />
        </label>
        {name.trim() && <Action plan={() => purgePlan(kind, name.trim())}>Forget</Action>}
      </div>
    </section>
  );
}

export function Callers({ snapshot }: { snapshot: Snapshot }) {
  return (
    <div className="cards">
      <Limits snapshot={snapshot} />
      <Documents snapshot={snapshot} />
      <Cache snapshot={snapshot} />
    </div>
  );
}
