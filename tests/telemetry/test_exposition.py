"""What workers count is put together as one text that Prometheus can read."""

import re

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from bff.telemetry.exposition import expose, merge

TEXT, OPENMETRICS = "text/plain", "application/openmetrics-text; version=1.0.0"
PARSERS = {TEXT: parse_text, OPENMETRICS: parse_openmetrics}


@pytest.fixture(autouse=True)
def _as_the_product():
    disable_created_metrics()


def counted(number):
    registry = CollectorRegistry()
    plain = Counter("plain_total", "Without labels.", registry=registry)
    plain.inc(number)
    labelled = Counter("labelled_total", 'With "labels".', ["name"], registry=registry)
    labelled.labels(f'a "quoted" {{brace}} {number}').inc(number)
    seconds = Histogram("some_seconds", "Times.", ["name"], buckets=(0.1, 1), registry=registry)
    seconds.labels("x").observe(0.5, {"trace_id": f"{number:032x}"})
    return registry


def samples(text, accept):
    return {
        (sample.name, frozenset(sample.labels.items())): sample
        for family in PARSERS[accept](text)
        for sample in family.samples
    }


@pytest.mark.parametrize("accept", PARSERS)
def test_merging_keeps_every_sample_and_says_whose_it_is(accept):
    texts = {number: expose(counted(number), accept)[0] for number in (1, 2, 3)}

    merged = samples(merge(texts), accept)

    wanted = {
        (name, labels | {("worker", str(number))}): sample.value
        for number, text in texts.items()
        for (name, labels), sample in samples(text, accept).items()
    }
    assert {key: sample.value for key, sample in merged.items()} == wanted


def test_exemplars_survive_where_the_format_knows_them():
    merged = samples(merge({7: expose(counted(7), OPENMETRICS)[0]}), OPENMETRICS)

    told = [sample.exemplar.labels for sample in merged.values() if sample.exemplar]
    assert told == [{"trace_id": f"{7:032x}"}]
    assert "exemplar" not in expose(counted(7), TEXT)[0]


@pytest.mark.parametrize("accept", PARSERS)
def test_the_media_type_is_the_one_that_was_asked_for(accept):
    assert expose(counted(1), accept)[1].startswith(accept.split(";")[0])


def test_families_are_told_once_and_stay_together():
    lines = merge({number: expose(counted(number), TEXT)[0] for number in (1, 2)}).splitlines()

    families = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(families) == len(set(families))
    samples = [line.split("{")[0] for line in lines if not line.startswith("#")]
    names = [re.sub("_(bucket|sum|count)$", "", sample) for sample in samples]
    changes = [name for name, before in zip(names, ["", *names], strict=False) if name != before]
    assert len(changes) == len(set(changes))
