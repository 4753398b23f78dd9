/* Follows a run: asks every two seconds how far it is, and writes figures, curves and their tables anew.

   When something else of the page is another (its state, an error, a note, the first curve, its end), the page is
   loaded again. Without this script the page says the same after it is loaded again. */
"use strict";

(() => {
  const EVERY = 2000;
  const live = document.querySelector("[data-live]");
  const state = document.getElementById("live-state");
  // What the server says that matters more stays.
  const started = state.dataset.followed ?? state.textContent;
  let epoch = live.dataset.epoch;

  function say(words) {
    // Only what is new is read out by a screen reader.
    if (state.textContent !== words) {
      state.textContent = words;
    }
  }

  function writeFacts(news) {
    for (const [word, said] of Object.entries(news.facts)) {
      live.querySelector(`[data-fact="${CSS.escape(word)}"]`).textContent = said;
    }
    live.querySelector("progress").value = news.progress;
  }

  /* Returns false where the page has no place for the chart yet. */
  function writeChart(key, { data, layout, rows }) {
    const figure = document.getElementById(`chart-${key}`);
    const source = figure?.querySelector("script.plot-data");
    if (!source) {
      return false;
    }
    source.textContent = JSON.stringify({ data, layout });
    const body = figure.querySelector("tbody");
    body.replaceChildren(...rows.map((cells) => {
      const row = document.createElement("tr");
      row.append(...cells.map((words, place) => {
        const cell = document.createElement(place ? "td" : "th");
        if (!place) {
          cell.scope = "row";
        }
        cell.className = "number";
        cell.textContent = words;
        return cell;
      }));
      return row;
    }));
    figure.dispatchEvent(new Event("chart:changed"));
    return true;
  }

  async function look() {
    const answer = await fetch(`${live.dataset.live}?epoch=${epoch}`, { cache: "no-store" });
    if (!answer.ok) {
      throw new Error(`status ${answer.status}`);
    }
    const news = await answer.json();
    writeFacts(news);
    const isWhole = Object.entries(news.charts).every(([key, chart]) => writeChart(key, chart));
    if (news.is_over || news.mark !== live.dataset.mark || !isWhole) {
      location.reload();
      return false;
    }
    epoch = news.epoch;
    return true;
  }

  async function follow() {
    let goesOn = true;
    // A page that nobody sees asks nothing.
    if (!document.hidden) {
      try {
        goesOn = await look();
        say(started);
      } catch (error) {
        say("The server does not answer; this page asks again.");
      }
    }
    if (goesOn) {
      setTimeout(follow, EVERY);
    }
  }

  say(started);
  setTimeout(follow, EVERY);
})();
