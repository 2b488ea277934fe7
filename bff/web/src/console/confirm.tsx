/** Actions: what will happen is said first, and done only when it is confirmed. */
import { createContext, useContext, useEffect, useId, useRef, useState } from "react";
import { wordsOf } from "./api";

export interface Plan {
  readonly title: string;
  /** What it does to whom, in one or two sentences. */
  readonly effect: string;
  /** The word on the button. */
  readonly verb: string;
  /** What has to be typed first, for what hurts. */
  readonly type?: string;
  /** Does it, and returns a sentence about what was done. */
  readonly run: () => Promise<string>;
}

interface Acting {
  readonly may: boolean;
  /** Why not, as a sentence. */
  readonly why: string;
  readonly ask: (plan: Plan) => void;
}

export const ActingContext = createContext<Acting>({ may: false, why: "", ask: () => undefined });

/** A button that leads to a plan; whoever may not act is told why. */
export function Action({ plan, label, children }: { plan: () => Plan; label?: string; children: React.ReactNode }) {
  const { may, why, ask } = useContext(ActingContext);
  const id = useId();
  return (
    <>
      <button
        type="button"
        className="action"
        aria-label={label}
        aria-disabled={!may}
        aria-describedby={may ? undefined : id}
        title={may ? undefined : why}
        onClick={() => may && ask(plan())}
      >
        {children}
      </button>
      {!may && (
        <span id={id} hidden>
          {why}
        </span>
      )}
    </>
  );
}

/** The dialog that asks for confirmation and tells what came of it. */
export function Confirm({ plan, close }: { plan: Plan; close: (done: string | null) => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const done = useRef<string | null>(null);
  const [typed, setTyped] = useState("");
  const [state, setState] = useState<"asking" | "running" | { readonly failed: string }>("asking");
  const title = useId();
  const effect = useId();
  useEffect(() => {
    const element = dialog.current!;
    if (!element.open) element.showModal();
  }, []);
  const ready = !plan.type || typed.trim() === plan.type;
  const confirm = async () => {
    if (!ready || state === "running") return;
    setState("running");
    try {
      done.current = await plan.run();
      dialog.current?.close(); // which gives the focus back
    } catch (problem) {
      setState({ failed: wordsOf(problem) });
    }
  };
  return (
    <dialog ref={dialog} aria-labelledby={title} aria-describedby={effect} onClose={() => close(done.current)}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void confirm();
        }}
      >
        <h2 id={title}>{plan.title}</h2>
        <p id={effect}>{plan.effect}</p>
        {plan.type && (
          <label className="field">
            <span>
              To confirm, type <b>{plan.type}</b>
            </span>
            <input autoFocus value={typed} onChange={(event) => setTyped(event.target.value)} autoComplete="off" spellCheck={false} />
          </label>
        )}
        {typeof state === "object" && (
          <p role="alert" className="alert">
            {state.failed}
          </p>
        )}
        <div className="buttons">
          <button type="button" onClick={() => dialog.current?.close()}>
            Cancel
          </button>
          <button type="submit" className="strong" disabled={!ready || state === "running"}>
            {state === "running" ? "Working…" : plan.verb}
          </button>
        </div>
      </form>
    </dialog>
  );
}
