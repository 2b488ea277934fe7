/** How things stand, told by shape and word; colour only helps. */

export type Mood = "good" | "busy" | "bad" | "held" | "quiet";

const SHAPES: Record<Mood, React.ReactNode> = {
  good: <path d="M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1Zm3.6 5.3-4.3 4.9L4.5 8.6" className="check" />,
  busy: <path d="M8 1.5 15 14H1Zm0 4.2v4.1m0 1.8v.6" />,
  bad: <path d="M5 1h6l4 4v6l-4 4H5l-4-4V5Zm.2 4.2 5.6 5.6m0-5.6-5.6 5.6" />,
  held: <path d="M3 1.5h10A1.5 1.5 0 0 1 14.5 3v10a1.5 1.5 0 0 1-1.5 1.5H3A1.5 1.5 0 0 1 1.5 13V3A1.5 1.5 0 0 1 3 1.5Zm3 3.7v5.6m4-5.6v5.6" />,
  quiet: <path d="M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2Z" />,
};

export function Mark({ mood }: { mood: Mood }) {
  return (
    <svg className="mark" data-mood={mood} viewBox="0 0 16 16" width="15" height="15" aria-hidden="true">
      {SHAPES[mood]}
    </svg>
  );
}

/** A mark with its word. */
export function State({ mood, children }: { mood: Mood; children: React.ReactNode }) {
  return (
    <span className="state" data-mood={mood}>
      <Mark mood={mood} />
      <span>{children}</span>
    </span>
  );
}

/** What stands where there is nothing to show. */
export function Empty({ title, children }: { title: string; children?: React.ReactNode }) {
  return (
    <div className="empty">
      <strong>{title}</strong>
      {children && <p>{children}</p>}
    </div>
  );
}
