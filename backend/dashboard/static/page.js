/* Draws charts over their tables as they come into view, in the page's light or dark look.

   A chart is a <figure class="chart"> with a .plot and a script.plot-data of plotly's JSON. Whoever changes
   that JSON dispatches "chart:changed" on the figure, and it is drawn anew. Where a chart cannot be drawn,
   its table is unfolded in its place. */
"use strict";

(() => {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const HEIGHT = 300;
  const PRINT_WIDTH = 640; // pixels within the margins of A4 paper
  const drawn = new Set();
  let library = null;

  function loadLibrary() {
    library ??= new Promise((done, fail) => {
      if (window.Plotly) {
        done(window.Plotly);
        return;
      }
      const script = document.createElement("script");
      script.src = document.body.dataset.plotly;
      script.onload = () => done(window.Plotly);
      script.onerror = () => fail(new Error("plotly could not be loaded"));
      document.head.append(script);
    });
    return library;
  }

  /* What a chart leaves to the page: colours, fonts, margins. */
  function look() {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(`--${name}`).trim();
    const axis = {
      automargin: true,
      ticks: "outside",
      ticklen: 5,
      tickcolor: "rgba(0,0,0,0)",
      gridcolor: colour("line"),
      linecolor: colour("faint"),
      zerolinecolor: colour("faint"),
      tickfont: { color: colour("faint") },
      title: { standoff: 8 },
    };
    const ramp = [[0, colour("low")], [1, colour("high")]];
    return {
      data: { heatmap: [{ colorscale: ramp }] },
      layout: {
        font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: colour("ink") },
        paper_bgcolor: "rgba(0,0,0,0)",
        plot_bgcolor: "rgba(0,0,0,0)",
        colorway: [1, 2, 3, 4, 5, 6, 7, 8].map((number) => colour(`series-${number}`)),
        colorscale: { sequential: ramp },
        margin: { l: 8, r: 12, t: 8, b: 8 },
        xaxis: axis,
        yaxis: axis,
        legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", traceorder: "normal" },
        hoverlabel: {
          bgcolor: colour("card"),
          bordercolor: colour("line"),
          font: { color: colour("ink") },
        },
        annotationdefaults: { font: { color: colour("faint") }, arrowcolor: colour("faint") },
        shapedefaults: { line: { color: colour("faint") } },
        dragmode: false, // else a finger on a chart could not scroll the page
      },
    };
  }

  function paint(figure, plotly) {
    const plot = figure.querySelector(".plot");
    try {
      const { data, layout } = JSON.parse(figure.querySelector("script.plot-data").textContent);
      plot.classList.add("drawn");
      plotly.react(
        plot,
        data,
        { height: HEIGHT, ...layout, template: look() },
        { displayModeBar: false, responsive: true, showTips: false },
      );
      drawn.add(plot);
    } catch (error) {
      fail(figure, error);
    }
  }

  function draw(figure) {
    loadLibrary().then((plotly) => paint(figure, plotly), (error) => fail(figure, error));
  }

  function fail(figure, error) {
    figure.querySelector(".plot").classList.add("failed");
    figure.querySelector(".numbers").open = true;
    console.warn(`The chart ${figure.id} is not drawn: ${error.message}`);
  }

  function relook(change) {
    for (const plot of drawn) {
      window.Plotly.relayout(plot, { template: look(), ...change });
    }
  }

  const figures = [...document.querySelectorAll("figure.chart:has(script.plot-data)")];
  const observer = new IntersectionObserver(
    (entries) => {
      for (const entry of entries.filter((each) => each.isIntersecting)) {
        observer.unobserve(entry.target);
        draw(entry.target);
      }
    },
    { rootMargin: "300px" },
  );
  for (const figure of figures) {
    observer.observe(figure);
    figure.addEventListener("chart:changed", () => {
      observer.unobserve(figure);
      draw(figure);
    });
  }

  dark.addEventListener("change", () => relook({}));

  /* Paper is white and narrow, and shows what was never scrolled to. */
  const root = document.documentElement;
  window.addEventListener("beforeprint", () => {
    root.classList.add("printing");
    if (window.Plotly) {
      for (const figure of figures) {
        observer.unobserve(figure);
        if (!drawn.has(figure.querySelector(".plot"))) {
          paint(figure, window.Plotly);
        }
      }
      relook({ width: PRINT_WIDTH });
    }
  });
  window.addEventListener("afterprint", () => {
    root.classList.remove("printing");
    relook({ width: null, autosize: true });
  });
  if (figures.length) {
    /* Later there is no time to wait for it. */
    const idle = window.requestIdleCallback ?? ((act) => setTimeout(act, 500));
    window.addEventListener("load", () => idle(() => loadLibrary().catch(() => {})));
  }
})();
