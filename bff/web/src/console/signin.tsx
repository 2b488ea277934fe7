/** For whoever may not look: why, and what to do. */
import { useState } from "react";
import { rememberToken } from "./api";

export function SignIn({ why, credentials, again }: { why: string; credentials: boolean; again: () => void }) {
  const [token, setToken] = useState("");
  return (
    <section className="card signin" aria-labelledby="signin">
      <h2 id="signin">You may not look yet</h2>
      <p role="alert">{why}</p>
      {credentials && (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            rememberToken(token);
            again();
          }}
        >
          <label className="field">
            <span>Access token</span>
            <input type="password" value={token} onChange={(event) => setToken(event.target.value)} autoComplete="off" autoFocus />
          </label>
          <p className="faint">It is kept in this page's memory only. A session works, too: log in at the BFF under this host name, then try again.</p>
          <div className="buttons">
            <button
              type="button"
              onClick={() => {
                rememberToken("");
                again();
              }}
            >
              Try again
            </button>
            <button type="submit" className="strong" disabled={!token.trim()}>
              Sign in
            </button>
          </div>
        </form>
      )}
      {!credentials && (
        <div className="buttons">
          <button type="button" onClick={again}>
            Try again
          </button>
        </div>
      )}
    </section>
  );
}
