"""`bff check`: policies, schema and operations, and whether they fit together."""

import typer

from bff.cli.documents import registered_findings
from bff.cli.output import Format, FormatOption
from bff.cli.project import OperationsOption, PoliciesOption, SchemaOption, directory, import_schema


def check(
    schema: SchemaOption = None,
    policies: PoliciesOption = None,
    operations: OperationsOption = None,
    output: FormatOption = Format.HUMAN,
) -> None:
    """Check policies, schema and operations together.

    Finds mistakes in policy files, upstreams without a policy and policies without an upstream, fields that turn
    one failed service into a lost screen or call one once for each item of a list, misspelt access policies,
    operations that do not fit the schema, and timeouts that do not fit into their deadline. Lists what is open to
    everybody. Notes alone do not fail.
    """
    from bff.cli import (  # noqa: PLC0415 - slow to import
        check_access,
        check_auth,
        check_calls,
        check_operations,
        check_schema,
        findings,
    )
    from bff.policy.load import read  # noqa: PLC0415 - slow to import

    policy_directory = directory("policies", policies)
    operations_directory = directory("operations", operations)
    documents = check_operations.read_documents(operations_directory)
    reading = read(policy_directory)
    graphql_schema = check_schema.as_graphql(import_schema(schema))
    fields = check_schema.upstream_fields(graphql_schema)
    found = [
        *findings.of_policies(reading.problems),
        *check_auth.credentials(reading, policy_directory),
        *check_schema.upstreams_and_policies(fields, reading.upstreams, policy_directory),
        *check_schema.unknown_endpoints(fields, reading.policies),
        *check_calls.unreachable_endpoints(fields, reading.policies),
        *check_schema.non_null_paths(fields),
        *check_calls.calls_for_each_item(graphql_schema, fields),
        *check_schema.missing_descriptions(graphql_schema),
        *check_access.unknown_access_policies(graphql_schema),
        *check_access.public_fields(graphql_schema, fields, reading.policies),
        *check_access.forwarded_credentials(reading.policies),
        *check_operations.operations(graphql_schema, documents),
        *check_operations.lonely_variables(operations_directory),
        *check_operations.named_limits(reading.policies, documents),
        *check_operations.named_operations(reading.policies, documents),
        *check_calls.short_deadlines(graphql_schema, reading.policies, documents),
        *(registered_findings(graphql_schema, policy_directory) if reading.policies else ()),
    ]
    looked_at = (
        f"{findings.counted(len(reading.upstreams), 'upstream policy', 'upstream policies')}, "
        f"{findings.counted(len(fields), 'field that calls', 'fields that call')} a service, "
        f"{findings.counted(len(documents), 'operation file')}"
    )
    if reading.policies is not None and reading.policies.client_defaults is None:
        looked_at += "; no caller is limited, for there is no folder clients"
    raise typer.Exit(findings.report(found, output, fine=looked_at))
