/** Small drawings; each says in words what it shows. */
import { count, ms, share } from "./format";
import type { Series, Times } from "./snapshot";

const SECONDS = 60;
const WIDTH = 240;
const HEIGHT = 44;

/** Draws a bar for each second of the last minute: the first number, and the second one as a part of it. */
export function Minute({ series, label, part }: { series: Series; label: string; part: string }) {
  const shown = series.slice(-SECONDS);
  const most = Math.max(1, ...shown.map((row) => row[1] ?? 0));
  const total = shown.reduce((sum, row) => sum + (row[1] ?? 0), 0);
  const parts = shown.reduce((sum, row) => sum + (row[2] ?? 0), 0);
  const step = WIDTH / SECONDS;
  const start = WIDTH - shown.length * step;
  const words = `${count(total)} ${label} in the last ${shown.length} seconds, ${count(parts)} of them ${part}; at most ${count(most)} in one second`;
  const bar = (value: number) => (value > 0 ? Math.max(1.5, (value / most) * (HEIGHT - 3)) : 0);
  return (
    <svg className="minute" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={words}>
      <title>{words}</title>
      <line className="ground" x1="0" x2={WIDTH} y1={HEIGHT - 0.5} y2={HEIGHT - 0.5} />
      {shown.map(([second, all = 0, some = 0], index) => {
        const [x, tall, low] = [start + index * step, bar(all), bar(Math.min(some, all))];
        return (
          <g key={second}>
            <rect className="all" x={x} width={step - 0.8} y={HEIGHT - 1 - tall} height={tall} />
            {low > 0 && <rect className="part" x={x} width={step - 0.8} y={HEIGHT - 1 - low} height={low} />}
          </g>
        );
      })}
    </svg>
  );
}

const edge = (seconds: number) => ms(seconds * 1000);

/** Draws how many answers took how long. */
export function Histogram({ times, edges }: { times: Times; edges: readonly number[] }) {
  const bars = times.histogram;
  const total = bars.reduce((sum, one) => sum + one, 0);
  if (!total) return <p className="faint nothing">no answer in the last minute</p>;
  const most = Math.max(...bars);
  const name = (index: number) => (index < edges.length ? `up to ${edge(edges[index]!)}` : `above ${edge(edges.at(-1)!)}`);
  const words = bars.map((one, index) => (one ? `${name(index)}: ${share(one, total)}` : "")).filter(Boolean).join(", ");
  return (
    <figure className="histogram">
      <svg viewBox={`0 0 ${bars.length * 12} 36`} preserveAspectRatio="none" role="img" aria-label={`How long answers took. ${words}`}>
        <title>{words}</title>
        {bars.map((one, index) => {
          const height = one ? Math.max(1.5, (one / most) * 34) : 0.6;
          return <rect key={index} className={one ? "all" : "ground"} x={index * 12 + 0.75} width={10.5} y={36 - height} height={height} />;
        })}
      </svg>
      <figcaption aria-hidden="true">
        <span>{edge(edges[0]!)}</span>
        <span>{edge(edges[4]!)}</span>
        <span>{`>${edge(edges.at(-1)!)}`}</span>
      </figcaption>
    </figure>
  );
}

export interface Piece {
  readonly name: string;
  readonly value: number;
  readonly kind: string;
}

/** Draws parts of a whole as one bar, with a legend where asked for. */
export function Parts({ pieces, label, legend = false }: { pieces: readonly Piece[]; label: string; legend?: boolean }) {
  const whole = pieces.reduce((sum, piece) => sum + piece.value, 0);
  const there = pieces.filter((piece) => piece.value > 0);
  const words = there.map((piece) => `${piece.name} ${share(piece.value, whole)}`).join(", ") || "nothing yet";
  let x = 0;
  return (
    <div className="parts">
      <svg viewBox="0 0 100 8" preserveAspectRatio="none" role="img" aria-label={`${label}: ${words}`}>
        <title>{`${label}: ${words}`}</title>
        <rect className="ground" x="0" y="0" width="100" height="8" />
        {there.map((piece) => {
          const width = (100 * piece.value) / whole;
          const drawn = <rect key={piece.name} data-kind={piece.kind} x={x} y="0" width={width} height="8" />;
          x += width;
          return drawn;
        })}
      </svg>
      {legend && (
        <ul className="legend" aria-hidden="true">
          {there.map((piece) => (
            <li key={piece.name} data-kind={piece.kind}>
              {piece.name} <b>{share(piece.value, whole)}</b>
            </li>
          ))}
          {!there.length && <li className="faint">{words}</li>}
        </ul>
      )}
    </div>
  );
}
