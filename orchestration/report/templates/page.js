"use strict";
// Draws each plot when it comes near the screen, or all of them before printing.
(() => {
  const draw = (canvas) => {
    if (canvas.dataset.drawn) return;
    canvas.dataset.drawn = "1";
    const figure = JSON.parse(canvas.querySelector("script").textContent);
    if (canvas.clientWidth < 480) {
      figure.layout.font.size = 11;
      figure.layout.margin.l = 40;
      if (figure.data[0].colorbar) figure.data[0].showscale = false;
    }
    Plotly.newPlot(canvas, figure.data, figure.layout, { displayModeBar: false, responsive: true });
  };
  const all = document.querySelectorAll(".canvas");
  const watcher = new IntersectionObserver(
    (entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => draw(entry.target)),
    { rootMargin: "600px" }
  );
  all.forEach((canvas) => watcher.observe(canvas));
  window.addEventListener("beforeprint", () => all.forEach(draw));
})();
