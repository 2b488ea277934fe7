/**
 * Lets the page's own code add style elements under a strict Content-Security-Policy.
 *
 * Monaco and Radix make `<style>` elements while they run and know nothing of nonces. This module must be
 * imported before them. Markup that somebody smuggles into the page still gets no nonce.
 */
const nonce = document.querySelector<HTMLScriptElement>("script[nonce]")?.nonce ?? "";
const createElement = document.createElement.bind(document);

document.createElement = ((name: string, options?: ElementCreationOptions) => {
  const element = createElement(name, options);
  if (element instanceof HTMLStyleElement) element.nonce = nonce;
  return element;
}) as typeof document.createElement;
