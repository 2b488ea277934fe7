"""A server process for tests: a tiny schema on graphql-core behind the real edge.

python replica.py --port 0 --admin-port 0 [--workers N] [--delay 200ms] [--timeout 2s] [--mode classic]
"""

import argparse
import asyncio
import functools
import os
import sys
import uuid

from graphql import (
    GraphQLArgument,
    GraphQLError,
    GraphQLField,
    GraphQLInt,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLString,
    OperationType,
    execute,
    get_operation_ast,
    parse,
    validate,
)
from graphql.execution import get_variable_values

from bff.clock import SystemClock
from bff.codes import Code
from bff.execution.messages import Answer
from bff.policy.model import OperationsPolicy
from bff.server.health import Health
from bff.server.http import GraphQLEndpoint
from bff.server.lifecycle import Lifecycle
from bff.server.run import Address, Service, serve


async def slow(_source, _info, ms):
    await asyncio.sleep(ms / 1000)
    return "slept"


def process(_source, _info):
    return os.getpid()


def crash(_source, _info):
    os._exit(9)


SCHEMA = GraphQLSchema(
    GraphQLObjectType(
        "Query",
        {
            "slow": GraphQLField(GraphQLString, {"ms": GraphQLArgument(GraphQLInt)}, resolve=slow),
            "process": GraphQLField(GraphQLInt, resolve=process),
            "crash": GraphQLField(GraphQLInt, resolve=crash),
        },
    ),
    GraphQLObjectType("Mutation", {"go": GraphQLField(GraphQLInt, resolve=process)}),
)


class CoreEngine:
    """Just enough of an engine to be audited."""

    async def execute(self, request, ingress):
        try:
            document = parse(request.query)
        except GraphQLError as error:
            return self.refuse(Code.GRAPHQL_PARSE_FAILED, error.message, ingress)
        if errors := validate(SCHEMA, document):
            return self.refuse(Code.GRAPHQL_VALIDATION_FAILED, errors[0].message, ingress)
        operation = get_operation_ast(document, request.operation_name)
        if operation is None:
            return self.refuse(Code.OPERATION_RESOLUTION_FAILURE, "No such operation.", ingress)
        if ingress.safe_method and operation.operation is not OperationType.QUERY:
            return self.refuse(Code.METHOD_NOT_ALLOWED, "A GET carries queries only.", ingress)
        variables = get_variable_values(SCHEMA, operation.variable_definitions or (), request.variables or {})
        if isinstance(variables, list):
            return self.refuse(Code.BAD_USER_INPUT, variables[0].message, ingress)
        result = execute(
            SCHEMA, document, variable_values=request.variables, operation_name=request.operation_name
        )
        if asyncio.iscoroutine(result) or asyncio.isfuture(result):
            result = await result
        return Answer(result.formatted, kind=operation.operation.value)

    def refuse(self, code, message, ingress, *, detail=""):
        return Answer({"errors": [{"message": message, "extensions": {"code": code.value}}]}, refused=code)


def build(policy):
    clock = SystemClock()
    lifecycle = Lifecycle(clock)
    endpoint = GraphQLEndpoint(
        CoreEngine(), policy, clock=clock, lifecycle=lifecycle, new_request_id=lambda: uuid.uuid4().hex
    )

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        await endpoint(scope, receive, send)

    return Service(
        app, Health(lifecycle, clock=clock, details=lambda: {"inFlight": len(lifecycle.in_flight)}), lifecycle
    )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--admin-port", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--delay", default="100ms")
    parser.add_argument("--timeout", default="5s")
    parser.add_argument("--mode", default="draft")
    parser.add_argument("--lenient", action="store_true")
    parser.add_argument("--broken", action="store_true")
    options = parser.parse_args()
    policy = OperationsPolicy.model_validate(
        {
            "drain": {"delay": options.delay, "timeout": options.timeout},
            "request_error_status": options.mode,
            "always_200_for_json": options.lenient,
        }
    )
    return serve(
        functools.partial(sys.exit, 7) if options.broken else functools.partial(build, policy),
        public=Address("127.0.0.1", options.port),
        admin=Address("127.0.0.1", options.admin_port),
        policy=policy.drain,
        workers=options.workers,
        say=functools.partial(print, flush=True),
    )


if __name__ == "__main__":
    sys.exit(main())
