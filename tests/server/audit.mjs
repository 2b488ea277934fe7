// Prints the results of the graphql-http audits against the URL that is given, as JSON.
import { serverAudits } from 'graphql-http';

const url = process.argv.at(-1);
const fetchFn = (input, init = {}) => {
  const headers = new Headers(init.headers);
  headers.set('x-bff-csrf', '1'); // any client that sends GETs has to
  return fetch(input, { ...init, headers });
};
const results = [];
for (const audit of serverAudits({ url, fetchFn })) {
  const { id, name, status, reason } = await audit.fn();
  results.push({ id, name, status, reason });
}
console.log(JSON.stringify(results));
