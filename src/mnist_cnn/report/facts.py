"""The numbers of the recommended network, each with the uncertainty that it has."""

from scipy import stats

from mnist_cnn.data.mnist import TEST_IMAGES
from mnist_cnn.report.blocks import Fact
from mnist_cnn.report.numbers import Interval, counted, given, percent_interval, seconds, shortest
from mnist_cnn.report.recommendation import network, validation_interval
from mnist_cnn.tables import StudyTables


def digit_sampling(tables: StudyTables) -> Interval:
    """Writes the test accuracy of one model, and what other test digits could have made of it (Wilson).

    The model is that of the first fold, so chosen before any was tested.
    """
    summary = tables.summary
    run = next(
        run for run in tables.runs if (run.network, run.fold) == (summary.shown_network, summary.folds[0])
    )
    right = round(run.test_accuracy * TEST_IMAGES)
    interval = stats.binomtest(right, TEST_IMAGES).proportion_ci(summary.confidence, method="wilson")
    return percent_interval(right / TEST_IMAGES, interval.low, interval.high)


def facts(tables: StudyTables) -> list[Fact]:
    """Lists the recommended network's numbers, each with the uncertainty that it has."""
    summary, row = tables.summary, network(tables, tables.summary.shown_network)
    assert summary.test_lower is not None, "two folds or more"
    assert summary.test_upper is not None, "two folds or more"
    folds, sure = counted(len(summary.folds), "fold"), given(summary.confidence)
    test = percent_interval(row.test_accuracy, summary.test_lower, summary.test_upper)
    digits = digit_sampling(tables)
    return [
        Fact(
            "Validation accuracy",
            f"{validation_interval(tables).estimate} %",
            f"mean of {folds}; {sure} % interval over folds {validation_interval(tables).bounds} %",
        ),
        Fact(
            "Test accuracy: luck of training",
            f"{test.estimate} %",
            f"mean of {counted(len(summary.folds), 'run')}; {sure} % t interval over runs {test.bounds} %",
        ),
        Fact(
            "Test accuracy: luck of the digits",
            f"{digits.estimate} %",
            f"the one model of fold {summary.folds[0]}; {sure} % Wilson interval for {TEST_IMAGES:,} images"
            f" {digits.bounds} %",
        ),
        Fact(
            "Training time",
            f"{seconds(row.training_seconds)} s",
            f"CPU seconds, one thread on this machine, median of {folds}, {shortest(summary.epochs)} epochs",
        ),
        Fact("Weights", f"{row.parameters:,}", f"{row.multiply_accumulates:,} multiplications an image"),
    ]
