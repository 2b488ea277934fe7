"""The issuer's pages: plain HTML that needs no script and no other host."""

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from html import escape
from typing import Final
from urllib.parse import urlsplit

from bff.auth.development.model import Person
from bff.auth.development.state import Wish

_STYLE: Final = """
:root { color-scheme: light dark; --line: light-dark(#d6dae1, #3a4354); --quiet: light-dark(#556070, #a7b1c2);
  --card: light-dark(#fff, #232b3a); --accent: light-dark(#0f6f5c, #5fd0b5); }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.5rem 1rem;
  background: light-dark(#f3f5f8, #161c27); color: light-dark(#1a202c, #e8ecf3);
  font: 1rem/1.5 system-ui, sans-serif; }
main { width: 100%; max-width: 26rem; }
h1 { margin: 0 0 .25rem; font-size: 1.5rem; line-height: 1.25; }
p { margin: 0 0 1.25rem; color: var(--quiet); }
ul { list-style: none; margin: 0 0 1.25rem; padding: 0; display: grid; gap: .625rem; }
button { width: 100%; display: flex; align-items: center; gap: .875rem; padding: .75rem .875rem; text-align: left;
  font: inherit; color: inherit; background: var(--card); border: 1px solid var(--line); border-radius: .75rem;
  cursor: pointer; }
button:hover { border-color: var(--accent); }
button:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.badge { flex: none; width: 2.75rem; height: 2.75rem; display: grid; place-items: center; border-radius: 50%;
  background: color-mix(in srgb, var(--accent) 18%, transparent); color: var(--accent); font-weight: 600; }
.who { min-width: 0; overflow-wrap: anywhere; }
.who b { display: block; }
.who small { display: block; font-size: .875rem; color: var(--quiet); }
.role { margin-left: auto; padding: .0625rem .5rem; border: 1px solid var(--line); border-radius: 1rem;
  font-size: .8125rem; color: var(--quiet); }
.note { margin: 0; padding: .625rem .875rem; border-left: 4px solid light-dark(#b45309, #fbbf24);
  border-radius: .25rem; background: var(--card); font-size: .875rem; }
code { font-size: .9em; overflow-wrap: anywhere; }
"""
_DIGEST: Final = b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

_PAGE: Final = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
{content}
</main>
</body>
</html>
"""


def policy(form_to: str | None = None) -> str:
    """Return the Content-Security-Policy of a page; *form_to* is the URL to which its form may lead in the end."""
    url = urlsplit(form_to or "")
    target = f"'self' {url.scheme}://{url.netloc}" if form_to else "'none'"
    return (
        f"default-src 'none'; style-src 'sha256-{_DIGEST}'; form-action {target}; "
        "frame-ancestors 'none'; base-uri 'none'"
    )


def login_page(login: str, wish: Wish, people: Sequence[Person]) -> str:
    """Return the page on which one chooses whom to be in *login*."""
    asked = " ".join(sorted(wish.scope)) or "nothing in particular"
    stronger = f"<p>Asked for is the stronger login <code>{escape(wish.acr)}</code>.</p>\n" if wish.acr else ""
    content = (
        "<h1>Who would you like to be?</h1>\n"
        f"<p><b>{escape(wish.client.id)}</b> asks for <code>{escape(asked)}</code>.</p>\n{stronger}"
        '<form method="post" action="authorize">\n'
        f'<input type="hidden" name="login" value="{escape(login)}">\n'
        f"<ul>\n{''.join(map(_card, people))}</ul>\n</form>\n"
        '<p class="note">A login for development: nobody is asked for a password.</p>'
    )
    return _PAGE.format(title="Log in", style=_STYLE, content=content)


def _card(person: Person) -> str:
    initials = "".join(word[0] for word in person.name.split()[:2]).upper()
    about = f"<small>{escape(person.about)}</small>" if person.about else ""
    return (
        f'<li><button name="person" value="{escape(person.subject)}">'
        f'<span class="badge" aria-hidden="true">{escape(initials)}</span>'
        f'<span class="who"><b>{escape(person.name)}</b>{about}</span>'
        f'<span class="role">{escape(person.role)}</span></button></li>\n'
    )


def message_page(title: str, text: str) -> str:
    """Return a page with one thing to say."""
    content = f"<h1>{escape(title)}</h1>\n<p>{escape(text)}</p>"
    return _PAGE.format(title=escape(title), style=_STYLE, content=content)
