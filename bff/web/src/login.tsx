/** Who is logged in, and the way in and out; tokens stay on the server, this page has a cookie it cannot read. */
import { useCallback, useEffect, useState } from "react";

/** Sent with every request that a session may go with: a page elsewhere could not (SE-3). */
export const MEANT = { "X-BFF-CSRF": "1" } as const;

interface Me {
  readonly authenticated: boolean;
  readonly name?: string | null;
  readonly subject?: string;
}

const UNKNOWN: Me = { authenticated: false };

/** Asks below `place` who is logged in; nobody, where there is no answer. */
async function whoIs(place: string): Promise<Me> {
  try {
    const answer = await fetch(`${place}/me`, { headers: MEANT });
    return answer.ok ? ((await answer.json()) as Me) : UNKNOWN;
  } catch {
    return UNKNOWN;
  }
}

/** Ends the session, and goes where the login at the issuer ends too. */
async function logOut(place: string): Promise<void> {
  const answer = await fetch(`${place}/logout`, { method: "POST", headers: MEANT });
  if (!answer.ok) throw new Error(`logging out failed with ${answer.status}`);
  const { location: next } = (await answer.json()) as { location: string };
  location.assign(next);
}

/** Says who is logged in and offers to change that; asks anew whenever `asked` changes or the page is looked at again. */
export function Login({ place, asked }: { place: string; asked: number }) {
  const [me, setMe] = useState<Me | null>(null);
  const [failed, setFailed] = useState(false);
  const look = useCallback(() => void whoIs(place).then(setMe), [place]);
  useEffect(look, [look, asked]);
  useEffect(() => {
    addEventListener("focus", look);
    return () => removeEventListener("focus", look);
  }, [look]);

  if (me === null) return null;
  if (!me.authenticated) {
    const back = new URLSearchParams({ return_to: location.pathname });
    return (
      <a className="bff-login" href={`${place}/login?${back}`}>
        Log in
      </a>
    );
  }
  return (
    <span className="bff-who">
      <span title={me.subject}>{me.name ?? me.subject}</span>
      <button
        type="button"
        className="bff-login"
        onClick={() => void logOut(place).catch(() => setFailed(true))}
        aria-describedby={failed ? "bff-logout-failed" : undefined}
      >
        Log out
      </button>
      {failed && (
        <span id="bff-logout-failed" role="alert">
          That did not work; try again.
        </span>
      )}
    </span>
  );
}
