"""Runs of one operation have parts in common, but nothing that one of them can leave for another."""

from graphql import build_schema


async def test_what_a_resolver_does_to_its_variables_no_other_run_sees(world):
    schema = build_schema("type Query { seen: Int }")

    def seen(_, info):
        coerced = info.variable_values.coerced
        coerced[f"mine {len(coerced)}"] = True
        return len(coerced)

    schema.query_type.fields["seen"].resolve = seen
    it = world(schema)

    answers = [await it.ask("{ seen }") for _ in range(3)]

    assert [answer.body["data"]["seen"] for answer in answers] == [1, 1, 1]


async def test_each_run_has_its_own_variables_context_and_extensions(world):
    schema = build_schema("type Query { echo(text: String): String, me: String }")
    schema.query_type.fields["echo"].resolve = lambda _, info, text=None: f"{text} {info.variable_values.coerced}"
    schema.query_type.fields["me"].resolve = lambda _, info: info.context.headers.get("x-who")
    it = world(schema)

    answers = [
        await it.ask("query ($t: String) { echo(text: $t) me }", variables, headers={"x-who": str(variables)})
        for variables in ({"t": "a"}, {}, {"t": "b"}, {"t": None})
    ]

    assert [answer.body["data"]["echo"] for answer in answers] == [
        "a {'t': 'a'}",
        "None {}",
        "b {'t': 'b'}",
        "None {'t': None}",
    ]
    assert [answer.body["data"]["me"] for answer in answers] == ["{'t': 'a'}", "{}", "{'t': 'b'}", "{'t': None}"]


async def test_variables_that_do_not_fit_are_refused_the_second_time_too(world):
    schema = build_schema("type Query { echo(number: Int!): Int }")
    schema.query_type.fields["echo"].resolve = lambda *_, number: number
    it = world(schema)
    query = "query ($n: Int!) { echo(number: $n) }"

    whole = await it.ask(query, {"n": 1})
    refused = [(await it.ask(query, {"n": "one"})).refused for _ in range(2)]

    assert whole.body == {"data": {"echo": 1}}
    assert refused == ["BAD_USER_INPUT"] * 2
