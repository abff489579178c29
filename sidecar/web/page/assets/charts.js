"use strict";

/* Draws the points of a series, as the API gives them. Colours are those of the style sheet. */
const Charts = (() => {
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

  /* The spans of steps whose flag is up, as pairs of times. */
  function flagged(points) {
    const spans = [];
    points.flag.forEach((flag, i) => {
      if (!flag) return;
      if (i > 0 && points.flag[i - 1]) spans[spans.length - 1][1] = points.time[i];
      else spans.push([points.time[i], points.time[i]]);
    });
    return spans;
  }

  function shade(spans) {
    return (plot) => {
      const { ctx, bbox } = plot;
      ctx.save();
      ctx.fillStyle = colour("alarm");
      ctx.globalAlpha = 0.25;
      for (const [first, last] of spans) {
        const left = plot.valToPos(first, "x", true);
        const width = Math.max(plot.valToPos(last, "x", true) - left, 2 * devicePixelRatio);
        ctx.fillRect(left, bbox.top, width, bbox.height);
      }
      ctx.restore();
    };
  }

  function threshold(plot) {
    const { ctx, bbox } = plot;
    const y = plot.valToPos(1, "y", true);
    ctx.save();
    ctx.strokeStyle = colour("alarm");
    ctx.setLineDash([4, 4]);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    ctx.restore();
  }

  /* Ratios are read as percentages. */
  const format = (unit) => (_, ticks) => ticks.map((tick) => (unit === "ratio" ? `${+(100 * tick).toPrecision(6)} %` : `${tick}`));

  function axes(large, unit) {
    const line = { stroke: colour("faint"), grid: { stroke: colour("line"), width: 1 }, ticks: { stroke: colour("line") } };
    return large ? [line, { ...line, size: 64, values: format(unit) }] : [{ show: false }, { show: false }];
  }

  function options({ width, height, large, unit }, series, more) {
    return {
      width,
      height,
      series: [{ label: "time" }, ...series],
      axes: axes(large, unit),
      legend: { show: large },
      cursor: { show: large, sync: { key: "charts" } },
      padding: large ? [8, 8, 0, 0] : [2, 2, 2, 2],
      ...more,
    };
  }

  function value(place, points, size) {
    const line = (label, name, more) => ({ label, stroke: colour(name), width: 1, points: { show: false }, ...more });
    const edge = { stroke: "transparent" };
    const series = [
      line("upper", "band", edge),
      line("lower", "band", edge),
      line("expected", "expected", { dash: [4, 4] }),
      line("value", "value", { width: 1.5 }),
    ];
    const data = [points.time, points.upper, points.lower, points.expected, points.value];
    return new uPlot(
      options(size, series, {
        bands: [{ series: [1, 2], fill: colour("band") }],
        hooks: { drawClear: [shade(flagged(points))] },
      }),
      data,
      place,
    );
  }

  function score(place, points, size) {
    const series = [{ label: "score", stroke: colour("text"), width: 1, points: { show: false } }];
    const range = (_, low, high) => [Math.min(0, low ?? 0), Math.max(1.5, high ?? 0)];
    return new uPlot(
      options(size, series, {
        scales: { y: { range } },
        hooks: { drawClear: [shade(flagged(points))], draw: [threshold] },
      }),
      [points.time, points.score],
      place,
    );
  }

  return { value, score };
})();
