"""Makes the page of `dvc plots` work with no network: `python -m mnist_cnn.plots_page`.

DVC's own page fetches Vega from the internet. This one holds it, fits the charts to the window and follows
the reader's choice of light or dark. It is written where git does not look; .dvc/config.local names it.
"""

import subprocess
import sys
from pathlib import Path

import vl_convert

from mnist_cnn.core.command import UserError, run
from mnist_cnn.core.files import write_text

DVC_FOLDER = Path(".dvc")
PAGE = Path("tmp/plots_page.html")  # below DVC_FOLDER, and so is it looked up in the configuration
VEGA_LITE = "5.21"  # of the schema that the templates under .dvc/plots are written for

STYLE = """
:root {
  color-scheme: light dark;
  --paper: #f6f6f4; --card: #ffffff; --ink: #1d1f21; --soft: #5c6166; --line: #dcdcd8;
}
@media (prefers-color-scheme: dark) {
  :root { --paper: #141618; --card: #1d2023; --ink: #e6e6e3; --soft: #a2a7ac; --line: #363a3e; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
header, main { max-width: 1280px; margin: 0 auto; padding: 0 16px; }
header { padding-top: 24px; }
h1 { margin: 0; font-size: 1.5rem; line-height: 1.25; }
header p { margin: 4px 0 20px; color: var(--soft); }
main {
  display: grid; gap: 16px; padding-bottom: 32px; align-items: start; grid-auto-flow: dense;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 480px), 1fr));
}
main > div {
  min-width: 0; padding: 16px !important; overflow-x: auto;
  white-space: normal !important; text-align: left !important;
  background: var(--card); border: 1px solid var(--line) !important; border-radius: 8px;
}
main > div.wide { grid-column: 1 / -1; }
main > div.vega-embed { display: block; padding-right: 16px !important; }
.vega-embed details summary { opacity: 0.5; }
.pictures > div { display: block !important; margin: 0 !important; border: 0 !important; }
.pictures p { margin: 0 0 8px; color: var(--soft); font-size: 0.875rem; }
.pictures > p { color: var(--ink); font-weight: bold; }
img { display: block; max-width: 100%; height: auto; margin-bottom: 8px; background: #ffffff; }
@media print { main > div { break-inside: avoid; } }
"""

SCRIPT = """
(() => {
  const embed = window.vegaEmbed;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const charts = new Map();
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  function theme() {
    const [ink, soft, line] = ["--ink", "--soft", "--line"].map(colour);
    const sizes = { labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal" };
    const words = { labelColor: soft, titleColor: ink, ...sizes };
    return {
      background: "transparent", font: "system-ui, sans-serif",
      padding: { left: 0, top: 4, right: 12, bottom: 8 },
      axis: { ...words, gridColor: line, domainColor: soft, tickColor: soft },
      legend: { ...words, labelLimit: 260 },
      header: { ...words, labelColor: ink },
      title: { color: ink, subtitleColor: soft, fontSize: 16, subtitleFontSize: 12 },
      rule: { color: soft }, text: { color: ink }, view: { stroke: line },
    };
  }

  // One revision alone needs no legend of revisions.
  function plain(chart) {
    const alone = new Set(chart.data.values.map((row) => row.rev)).size < 2;
    const { data, ...rest } = chart;
    const told = (key, part) => {
      if (!alone || part?.field !== "rev") return part;
      if (key === "facet") return { ...part, header: { labelExpr: "''" } };
      return "scale" in part ? { ...part, legend: null } : part;
    };
    return { ...JSON.parse(JSON.stringify(rest), told), data: structuredClone(data) };
  }

  // As wide as its card; panels side by side as far as they stay readable.
  function fitted(chart, width) {
    const spec = plain(chart);
    if (width < 420 && spec.config?.legend) spec.config.legend.columns = 1;
    if (!spec.facet) return { ...spec, width, autosize: { type: "fit-x", contains: "padding" } };
    const panels = new Set(spec.data.values.map((row) => row[spec.facet.field])).size;
    const room = width - 70;
    spec.columns = Math.max(1, Math.min(panels, spec.columns, Math.floor(room / 210)));
    spec.spec.width = Math.min(420, Math.floor(room / spec.columns) - 20);
    return spec;
  }

  function draw(selector) {
    const place = document.querySelector(selector);
    const chart = charts.get(selector);
    if (!chart.data) {
      const name = place.id.replaceAll("_", " ");
      place.textContent = `${name}: its table has no rows (one fold alone can show no difference).`;
      return;
    }
    place.classList.toggle("wide", Boolean(chart.facet) && chart.columns > 2);
    const style = getComputedStyle(place);
    const padding = parseFloat(style.paddingLeft) + parseFloat(style.paddingRight);
    const width = Math.floor(place.clientWidth - padding);
    embed(selector, fitted(chart, width), {
      config: theme(), renderer: "svg", logLevel: 1, tooltip: { theme: dark.matches ? "dark" : "light" },
      actions: { export: true, source: false, compiled: false, editor: false },
    });
  }

  window.vegaEmbed = (selector, chart) => {
    charts.set(selector, chart);
    draw(selector);
  };

  let drawnAt = 0;
  function redraw() {
    drawnAt = document.body.clientWidth;
    for (const selector of charts.keys()) draw(selector);
  }
  let waiting;
  addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => { if (document.body.clientWidth !== drawnAt) redraw(); }, 150);
  });
  dark.addEventListener("change", redraw);

  addEventListener("DOMContentLoaded", () => {
    for (const card of document.querySelectorAll("main > div")) {
      const pictures = card.querySelectorAll(":scope > div img");
      if (!pictures.length) continue;
      const title = card.querySelector("p");
      const name = title.textContent.split("/").pop().replace(/[.]\\w+$/, "").replaceAll("_", " ");
      title.textContent = name[0].toUpperCase() + name.slice(1);
      card.classList.add("wide", "pictures");
      for (const picture of pictures) picture.alt = title.textContent;
    }
    redraw();
  });
})();
"""


def page() -> str:
    """Returns the page with Vega inside; DVC replaces `{plot_divs}` by the charts."""
    vega = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=VEGA_LITE)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Plots: CNNs on MNIST</title>
<style>{STYLE}</style>
<script>(function () {{
{vega}
}})();</script>
<script>{SCRIPT}</script>
</head>
<body>
<header>
<h1>Convolutional networks on MNIST, compared</h1>
<p>Point at a mark for its numbers. Where revisions are compared, the newest is the most solid.</p>
</header>
<main>
{{plot_divs}}
</main>
</body>
</html>
"""


def main() -> None:
    """Writes the page and tells DVC of it, in the part of its configuration that stays on this machine.

    Raises:
        UserError: This is no DVC repository, or DVC refuses.
    """
    if not DVC_FOLDER.is_dir():
        raise UserError(f"{DVC_FOLDER} is not here: run from the top of the repository")
    write_text(DVC_FOLDER / PAGE, page())
    command = [sys.executable, "-m", "dvc", "config", "--local", "plots.html_template", PAGE.as_posix()]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    if told.returncode:
        raise UserError(f"dvc config: {' '.join(told.stderr.split())}")


if __name__ == "__main__":
    run(main)
