"""All figures of the report, in the order in which it shows them."""

from mnist_cnn.figures.accuracy_time import draw_accuracy_time
from mnist_cnn.figures.confusion import draw_confusion
from mnist_cnn.figures.curves import draw_learning_curves
from mnist_cnn.figures.digits import draw_hard_digits, draw_misclassified
from mnist_cnn.figures.effects import draw_effects
from mnist_cnn.figures.heat_maps import draw_heat_maps
from mnist_cnn.figures.interaction import draw_interaction
from mnist_cnn.figures.ranking import draw_ranking
from mnist_cnn.figures.style import ReportFigure, house_style
from mnist_cnn.mistakes import Mistakes
from mnist_cnn.tables import StudyTables


def draw_figures(tables: StudyTables, mistakes: Mistakes) -> list[ReportFigure]:
    """Draws what the report shows; a figure that the study leaves nothing to put in is left out.

    Those are the ranking and the effects of a study with one fold, the effects of a grid without matched
    layouts or kernels, and galleries without a mistake.
    """
    with house_style():
        drawn = [
            draw_accuracy_time(tables),
            draw_ranking(tables),
            draw_effects(tables),
            draw_interaction(tables),
            draw_heat_maps(tables),
            draw_learning_curves(tables),
            draw_confusion(tables),
            draw_misclassified(tables, mistakes.test),
            draw_hard_digits(mistakes.validation),
        ]
    return [figure for figure in drawn if figure is not None]
