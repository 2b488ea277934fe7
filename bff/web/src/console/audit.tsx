/** Who did what: the last actions. */
import { useEffect, useState } from "react";
import { get, wordsOf } from "./api";
import { clock } from "./format";
import { Empty, State, type Mood } from "./marks";

interface Action {
  readonly time: string;
  readonly who: string;
  readonly action: string;
  readonly detail: string;
  readonly from: string;
  readonly result: "done" | "refused" | "failed";
  readonly status: number;
}

const MOODS: Record<Action["result"], Mood> = { done: "good", refused: "held", failed: "bad" };

/** Returns the body of a request as people write it, such as `upstream reviews, state open`. */
function asked(detail: string): string {
  try {
    const told = Object.entries(JSON.parse(detail) as Record<string, unknown>).filter(([, value]) => value !== null);
    return told.map(([key, value]) => `${key} ${typeof value === "string" ? value : JSON.stringify(value)}`).join(", ");
  } catch {
    return detail;
  }
}

export function Audit({ again }: { again: number }) {
  const [told, setTold] = useState<readonly Action[] | string | null>(null);
  useEffect(() => {
    const stop = new AbortController();
    const ask = () =>
      get<{ actions: readonly Action[] }>("admin/api/audit", stop.signal)
        .then(({ actions }) => setTold(actions))
        .catch((problem) => !stop.signal.aborted && setTold(wordsOf(problem)));
    void ask();
    const timer = setInterval(ask, 3000);
    return () => (clearInterval(timer), stop.abort());
  }, [again]);
  if (told === null) return <p className="faint">Reading…</p>;
  if (typeof told === "string") return <p className="faint">{told}</p>;
  if (!told.length)
    return (
      <Empty title="Nobody has acted yet.">
        Whoever forces a breaker, drains a host, purges or reloads appears here, and in the log as <code>admin_action</code>.
      </Empty>
    );
  return (
    <section className="card" aria-label="Actions">
      <p className="faint lead">The last 200; the log has all of them as admin_action.</p>
      <div className="scroll" tabIndex={0} role="region" aria-label="Table of actions">
        <table>
          <thead>
            <tr>
              <th scope="col">When</th>
              <th scope="col">Who</th>
              <th scope="col">Action</th>
              <th scope="col">Asked for</th>
              <th scope="col">From</th>
              <th scope="col">Result</th>
            </tr>
          </thead>
          <tbody>
            {told.map((one, index) => (
              <tr key={index}>
                <td>
                  <time dateTime={one.time}>{clock(one.time)}</time>
                </td>
                <td>{one.who}</td>
                <th scope="row">{one.action}</th>
                <td className="wide">
                  {asked(one.detail)}
                </td>
                <td className="faint">{one.from}</td>
                <td>
                  <State mood={MOODS[one.result]}>{`${one.result} (${one.status})`}</State>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
