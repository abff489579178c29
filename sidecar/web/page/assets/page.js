"use strict";

/* Keeps the page live: asks the API every few seconds, and draws what can be seen. */
(() => {
  const PERIOD = 5000;
  const PAGE = 100;
  const MOST = 1000;
  const SMALL = { large: false, width: 170, height: 44, points: 96 };
  const LARGE = { large: true, height: 220, points: 576 };

  const $ = (id) => document.getElementById(id);
  const list = $("series");
  const form = $("filter");
  const states = [...form.elements["page.state"].options].map((option) => option.value).filter(Boolean);
  const entries = new Map();
  let limit = PAGE;
  let sampled = new Map();
  let news = $("status").querySelector("time").textContent;

  function element(name, properties = {}, ...children) {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  }

  async function ask(path) {
    const answer = await fetch(path, { headers: { accept: "application/json" } });
    if (!answer.ok) throw Object.assign(new Error(`${answer.status} ${answer.statusText}`), { status: answer.status });
    return answer.json();
  }

  /* A query or a value that is not there any more, as in an old link, has no series: that is news as well. */
  const none = (error) => {
    if (![404, 422].includes(error.status)) throw error;
    return { total: 0, series: [] };
  };

  const time = (at) => new Date(at * 1000).toISOString().slice(0, 19).replace("T", " ") + " UTC";

  /* What the address asks for, in the API's words. */
  function wanted() {
    const asked = new URLSearchParams({ limit, sort: "flagged" });
    for (const [name, value] of new URLSearchParams(location.search)) {
      if (name === "page.search") { if (value) asked.set("search", value); }
      else if (name === "page.state") { if (states.includes(value)) asked.set("state", value); }
      else if (name === "anomaly_name") { if (value) asked.set("anomaly_name", value); }
      else asked.append("label", `${name}=${value}`);
    }
    return asked;
  }

  function showQueries(told) {
    const cells = (query) => [
      query.flagged,
      ...Object.values(query.series),
      Object.values(query.dropped).reduce((sum, count) => sum + count, 0),
    ];
    $("queries").replaceChildren(...told.queries.map((query) => element("tr", {},
      element("th", { scope: "row" }, element("a", { href: "?" + new URLSearchParams({ anomaly_name: query.name }) }, query.name)),
      element("td", { className: query.healthy ? "well" : "ill" }, query.health),
      element("td", {}, query.evaluated === null ? "never" : time(query.evaluated)),
      ...cells(query).map((count) => element("td", { className: "number" }, String(count))),
    )));
    const fresh = new Map(told.queries.map((query) => [query.name, query.sample_time]));
    news = time(told.at);
    $("status").replaceChildren(
      told.ready ? "Ready" : "Not ready: queries are waiting for their first evaluation", ", as of ",
      element("time", {}, news),
    );
    return fresh;
  }

  function binary(value) {
    const names = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let power = 0;
    for (; Math.abs(value) >= 1024 && power < names.length - 1; power += 1) value /= 1024;
    return `${Number(value.toPrecision(4))} ${names[power]}`;
  }

  const shortened = (value, unit) => {
    if (value === null) return "-";
    if (unit === "ratio") return `${Number((100 * value).toPrecision(3))} %`;
    if (unit === "bytes") return binary(value);
    return `${Number(value.toPrecision(4))} ${unit === "seconds" ? "s" : unit}`.trim();
  };

  /* A series in the list: made once, or taken over from what the server made, and updated from then on. */
  class Entry {
    constructor(item) {
      this.item = item;
      this.details = item.querySelector("details");
      this.facts = item.querySelector(".facts");
      this.small = element("span", { className: "small" });
      this.plots = [];
      this.drawn = null;
      this.visible = false;
      item.querySelector("summary").append(this.small);
      this.details.addEventListener("toggle", () => this.draw(true));
      seen.observe(item);
    }

    static made(series) {
      const item = element("li", {}, element("details", {},
        element("summary", {},
          element("b", { className: "score" }), " ", element("span", { className: "state" }), " ",
          element("span", { className: "name" }, series.anomaly_name), " ",
          element("span", { className: "labels" }, ...Object.entries(series.labels).flatMap(([name, value]) =>
            [element("span", {}, element("i", {}, name), `=${value}`), " "])), " ",
          element("span", { className: "value" })),
        element("div", { className: "facts" },
          element("p", { className: "finding" }),
          element("p", {}, element("a",
            { href: "?" + new URLSearchParams({ anomaly_name: series.anomaly_name, ...series.labels }) },
            "Link to this series")))));
      item.dataset.id = series.id;
      return new Entry(item);
    }

    update(series) {
      const find = (name) => this.item.querySelector(`.${name}`);
      this.series = series;
      this.item.className = series.flag ? "flagged" : series.state;
      find("score").textContent = series.score === null ? "-" : series.score.toFixed(2);
      find("state").textContent = (series.flag ? "flagged" : series.state).replace("_", " ");
      find("value").textContent = shortened(series.value, series.unit);
      find("finding").textContent = series.finding;
    }

    /* What was said is of a time that has passed. */
    lose() {
      const find = (name) => this.item.querySelector(`.${name}`);
      this.item.className = "unknown";
      this.drawn = null;
      for (const name of ["score", "value"]) find(name).textContent = "-";
      find("state").textContent = "unknown";
      find("finding").textContent = "Nothing is known of now: the sidecar does not answer.";
      this.facts.querySelectorAll(".explanation").forEach((each) => each.remove());
    }

    /* Draws anew where there are new points or another verdict, and only what can be seen. */
    async draw(again = false) {
      const opened = this.details.open;
      const { anomaly_name: query, state, flag } = this.series ?? {};
      const version = [sampled.get(query), opened, state, flag].join();
      if (!this.visible || (this.drawn === version && !again) || !this.series) return;
      this.drawn = version;
      try {
        const { points } = opened ? LARGE : SMALL;
        const told = await ask(`api/v1/series/${this.series.id}?points=${points}`);
        if (this.drawn !== version) return;
        this.update(told);
        this.clear();
        this.drawSmall(told);
        if (opened) this.drawLarge(told);
      } catch {
        this.drawn = null; // the next round tries again
      }
    }

    clear() {
      this.plots.forEach((plot) => plot.destroy());
      this.plots = [];
      this.facts.querySelectorAll(".live").forEach((each) => each.remove());
    }

    drawSmall(told) {
      const cut = Object.fromEntries(Object.entries(told.points).map(([name, all]) => [name, all.slice(-SMALL.points)]));
      if (cut.time.length < 2) return;
      this.plots.push(Charts.value(this.small, cut, SMALL), Charts.score(this.small, cut, SMALL));
      this.small.setAttribute("role", "img");
      this.small.setAttribute("aria-label", `Value and score of the last ${cut.time.length} steps`);
    }

    drawLarge(told) {
      const width = Math.max(this.facts.clientWidth - 16, 200);
      const place = (title) => element("div", { className: "large live" }, element("h3", {}, title));
      const value = place(`Value${told.unit ? ` (${told.unit})` : ""}, what was expected, and the band of usual values; times are local`);
      const score = place("Score: 1 is the threshold");
      this.facts.append(...this.explained(told), value, score);
      if (told.points.time.length < 2) return;
      this.plots.push(
        Charts.value(value, told.points, { ...LARGE, width, unit: told.unit }),
        Charts.score(score, told.points, { ...LARGE, width, height: 150 }),
      );
    }

    explained(told) {
      const sentences = told.explanation?.sentences ?? [];
      if (!sentences.length) return [];
      return [element("ul", { className: "live explanation" }, ...sentences.map((each) => element("li", {}, each)))];
    }
  }

  const seen = new IntersectionObserver((changes) => {
    for (const { target, isIntersecting } of changes) {
      const entry = entries.get(target.dataset.id);
      if (!entry) continue;
      entry.visible = isIntersecting;
      entry.draw();
    }
  }, { rootMargin: "200px" });

  function showSeries(told) {
    const before = new Set(entries.keys());
    told.series.forEach((series, i) => {
      before.delete(series.id);
      let entry = entries.get(series.id);
      if (!entry) {
        entry = Entry.made(series);
        entries.set(series.id, entry);
      }
      entry.update(series);
      // Moving an element that is where it belongs would close what is open in it and lose the focus.
      if (list.children[i] !== entry.item) list.insertBefore(entry.item, list.children[i] ?? null);
      entry.draw();
    });
    for (const id of before) {
      entries.get(id).clear();
      entries.get(id).item.remove();
      entries.delete(id);
    }
    const shown = told.series.length;
    $("count").textContent = told.total === 0
      ? "No series now: it may have vanished, or nothing was evaluated yet."
      : `${told.total} series${told.total > shown ? `, the first ${shown} of them` : ""}.`;
    $("more").hidden = told.total <= shown || limit >= MOST;
    if (told.total === 1 && !showSeries.opened) entries.get(told.series[0].id).details.open = true;
    showSeries.opened = true;
  }

  async function refresh() {
    try {
      const asked = wanted();
      const [queries, series] = await Promise.all([ask("api/v1/queries"), ask(`api/v1/series?${asked}`).catch(none)]);
      $("status").classList.remove("lost");
      sampled = showQueries(queries);
      showSeries(series);
    } catch (error) {
      $("status").classList.add("lost");
      $("status").textContent = `No news since ${news}, trying again: ${error.message}`;
      for (const health of $("queries").querySelectorAll("td.well")) {
        Object.assign(health, { className: "ill", textContent: "unknown" });
      }
      entries.forEach((entry) => entry.lose());
    }
  }

  async function live() {
    if (!document.hidden) await refresh();
    setTimeout(live, PERIOD);
  }

  /* The form changes the address, so that what is seen can be shared; nothing is loaded anew. */
  function filter() {
    const asked = new URLSearchParams([...new FormData(form)].filter(([name, value]) => value || !/^(page\.|anomaly_name)/.test(name)));
    history.replaceState(null, "", asked.size ? `?${asked}` : "./");
    limit = PAGE;
    refresh();
  }

  for (const item of [...list.children]) entries.set(item.dataset.id, new Entry(item));
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => { event.preventDefault(); filter(); });
  $("more").addEventListener("click", () => { limit = Math.min(10 * limit, MOST); refresh(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => entries.forEach((entry) => entry.draw(true)));
  live();
})();
