/** Sends operations and tells what came back; introspection is not worth telling. */
import { createGraphiQLFetcher, isAsyncIterable, type Fetcher } from "@graphiql/toolkit";
import { Kind, parse, type DocumentNode, type ExecutionResult } from "graphql";
import { MEANT } from "./login";
import { summarise, summariseNoAnswer, type Summary } from "./summary";

/** Returns a fetcher for `endpoint` on this host that calls `tell` with null when it starts, then for each answer. */
export function createFetcher(endpoint: string, tell: (summary: Summary | null) => void): Fetcher {
  const url = new URL(endpoint, location.href);
  const socket = new URL(url);
  socket.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  const send = createGraphiQLFetcher({
    url: url.href,
    subscriptionUrl: socket.href,
    enableIncrementalDelivery: false,
    headers: MEANT,
  });

  return async (given, givenOptions) => {
    const document = parsed(given.query);
    const params = { ...given, operationName: operationName(document, given.operationName) };
    const options = { ...givenOptions, ...(document && { documentAST: document }) };
    if (params.operationName === "IntrospectionQuery") return send(params, options);
    tell(null);
    const start = performance.now();
    const elapsed = () => performance.now() - start;
    try {
      const answer = await send(params, options);
      if (isAsyncIterable(answer)) return told(answer as AsyncIterable<ExecutionResult>, elapsed, tell);
      tell(summarise(answer as ExecutionResult, elapsed()));
      return answer as ExecutionResult;
    } catch (error) {
      tell(summariseNoAnswer(error, elapsed()));
      throw error;
    }
  };
}

/** Returns the document in `query`, or nothing where the server will have to say what is wrong with it. */
function parsed(query: string): DocumentNode | undefined {
  try {
    return parse(query);
  } catch {
    return undefined;
  }
}

/**
 * Returns the name of the operation to run.
 *
 * GraphiQL learns the names of a new tab's operations a moment late; until then it asks for the old tab's.
 */
function operationName(document: DocumentNode | undefined, asked: string | null | undefined): string | null {
  const names = document?.definitions.flatMap((node) => (node.kind === Kind.OPERATION_DEFINITION ? node.name?.value : []));
  const known = asked && (!names || names.includes(asked));
  return known ? asked : (names?.length === 1 && names[0]) || null;
}

/** Passes the answers of a subscription on and tells of each. */
async function* told(
  answers: AsyncIterable<ExecutionResult>,
  elapsed: () => number,
  tell: (summary: Summary) => void,
): AsyncGenerator<ExecutionResult> {
  try {
    for await (const answer of answers) {
      tell(summarise(answer, elapsed()));
      yield answer;
    }
  } catch (error) {
    tell(summariseNoAnswer(error, elapsed()));
    throw error;
  }
}
