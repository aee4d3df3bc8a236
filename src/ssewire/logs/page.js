"use strict";
// Shows what `ssewire inspect` found. Everything from a stream is set as text, never as markup.
(() => {
  const ROW = 26; // the height of a row, as in the style sheet
  const BYTES = "-2"; // the row of the columns that is no part
  const VERDICTS = { complete: "good", no_done: "odd", no_finish: "odd", empty: "odd" };
  const ENDS = { eof: "the body ended", closed: "the reader closed it", error: "the transport broke",
    cut: "the capture is cut" };
  const EXPLAINED = { "re-encrypted": "servers encrypt it anew in each event", rounded: "servers round finished numbers" };
  const LANE = 240; // how many bars a lane has, about
  const MISSING = { times: "when its reads came", reads: "how it was cut into reads",
    bytes: "its exact bytes", end: "how it ended" };

  const blocks = name => [...document.querySelectorAll(`script[type="application/json"].${name}`)];
  const value = block => JSON.parse(block.textContent);
  const reports = blocks("report").map(value);
  const kept = blocks("kept");
  const nav = document.getElementById("streams");
  const main = document.getElementById("stream");

  // -- elements ----------------------------------------------------------------------------------------

  function el(name, attributes, ...children) {
    const made = document.createElement(name);
    for (const [key, given] of Object.entries(attributes || {})) {
      if (given === undefined || given === null || given === false) continue;
      if (key.startsWith("on")) made.addEventListener(key.slice(2), given);
      else if (key === "kind") made.style.setProperty("--kind", `var(--${given})`);
      else if (key === "style") Object.assign(made.style, given);
      else made.setAttribute(key, given);
    }
    made.append(...children.filter(each => each !== null && each !== undefined && each !== ""));
    return made;
  }

  function svg(path, width, height, attributes) {
    const space = "http://www.w3.org/2000/svg";
    const made = document.createElementNS(space, "svg");
    const drawn = document.createElementNS(space, "path");
    drawn.setAttribute("d", path);
    made.setAttribute("viewBox", `0 0 ${width} ${height}`);
    made.setAttribute("preserveAspectRatio", "none");
    for (const [key, given] of Object.entries(attributes)) {
      if (key === "kind") made.style.setProperty("--kind", `var(--${given})`);
      else made.setAttribute(key, given);
    }
    made.append(drawn);
    return made;
  }

  // -- words -------------------------------------------------------------------------------------------

  const number = count => count.toLocaleString("en");
  const counted = (count, what) => `${number(count)} ${what}${count === 1 ? "" : "s"}`;

  function digits(amount) { // three of them
    return amount >= 1000 ? number(Math.round(amount)) : String(Number(amount.toPrecision(3)));
  }

  function time(seconds) {
    if (seconds === null || seconds === undefined) return "–";
    return seconds < 0.9995 ? `${digits(seconds * 1000)} ms` : `${digits(seconds)} s`;
  }

  const clock = seconds => (seconds === null ? "–" : `${seconds.toFixed(3)} s`); // times below each other

  function size(bytes) {
    if (bytes < 1024) return counted(bytes, "byte");
    const [unit, name] = bytes < 1048576 ? [1024, "KiB"] : [1048576, "MiB"];
    return `${digits(bytes / unit)} ${name}`;
  }

  const tone = report => (report.problem ? "bad" : VERDICTS[report.verdict] || "bad");
  const short = name => name.split(/[\\/]/).pop();
  const kindOf = part => (part ? part.kind : "other");

  // -- the list of streams -----------------------------------------------------------------------------

  function listStreams() {
    nav.hidden = reports.length < 2;
    const buttons = reports.map((report, at) => el("button", { type: "button", onclick: () => show(at) },
      el("b", { class: `verdict dot ${tone(report)}`, title: `${report.source} #${report.number}` },
        `${short(report.source)} #${report.number}`),
      el("span", {}, [report.verdict, report.model, counted(report.events, "event")].filter(Boolean).join(" · "))));
    const filter = el("input", { type: "search", placeholder: "Filter streams", "aria-label": "Filter streams",
      oninput: () => {
        const wanted = filter.value.toLowerCase();
        buttons.forEach((button, at) => {
          const report = reports[at];
          const told = `${report.source} ${report.verdict} ${report.model} ${report.dialect} ${report.problem}`;
          button.hidden = !told.toLowerCase().includes(wanted);
        });
      } });
    nav.addEventListener("keydown", event => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (!step) return;
      const there = [filter, ...buttons].filter(each => !each.hidden);
      const next = there[there.indexOf(document.activeElement) + step];
      if (next) next.focus();
      event.preventDefault();
    });
    const told = blocks("page").map(value)[0];
    const missing = told ? told.streams - reports.length : 0;
    nav.append(filter, ...buttons);
    if (missing) nav.append(el("p", { class: "quiet" }, `${counted(missing, "more stream")} did not fit into this page.`));
    return buttons;
  }

  // -- one stream --------------------------------------------------------------------------------------

  function header(report) {
    const facts = [report.request, report.status && `status ${report.status}`, report.began].filter(Boolean);
    const unknown = report.unknown.map(each => MISSING[each] || each);
    return el("header", {},
      el("h1", {}, `${report.source} #${report.number}`),
      el("p", { class: "mono" }, facts.join(" · ")),
      unknown.length ? el("p", {}, `This capture does not know ${unknown.join(", ")}.`) : null,
      report.problem ? el("p", { class: "problem", role: "alert" }, report.problem) : null);
  }

  function figures(report) {
    const usage = report.usage;
    const gaps = report.gaps;
    const rows = [
      ["Verdict", el("span", { class: `verdict ${tone(report)}` }, report.verdict),
        [report.finish_reason && `finish reason: ${report.finish_reason}`,
          ENDS[report.end.how]].filter(Boolean).join("; ")],
      ["Model", report.model || "–", report.dialect || "unknown dialect"],
      ["Events", number(report.events), size(report.bytes)
        + (report.unknown.includes("reads") ? "" : ` in ${counted(report.reads, "read")}`)],
    ];
    if (report.timed) {
      rows.push(["First token", time(report.first_token), `first byte after ${time(report.first_byte)}`],
        ["Last token", time(report.last_token), `last byte after ${time(report.last_byte)}`]);
      if (gaps)
        rows.push(["Gap between tokens", time(gaps.median), `median; longest ${time(gaps.max)}`]);
      if (report.tokens_per_second !== null)
        rows.push(["Tokens a second", digits(report.tokens_per_second), "output tokens, from first to last"]);
    } else rows.push(["Times", "no times", "the capture does not know when its reads came"]);
    if (usage) {
      const counts = [usage.input_tokens, usage.output_tokens].map(count => (count === undefined ? "?" : number(count)));
      rows.push(["Tokens in and out", counts.join(" → "), [usage.cached_tokens && `${number(usage.cached_tokens)} cached`,
        usage.reasoning_tokens && `${number(usage.reasoning_tokens)} of reasoning`].filter(Boolean).join(", ")]);
    }
    return el("section", { class: "sheet", "aria-label": "Figures" }, el("dl", { class: "figures" },
      ...rows.map(([label, shown, note]) => el("div", {}, el("dt", {}, label),
        el("dd", {}, shown, note ? el("small", {}, note) : null)))));
  }

  // Columns as a path of boxes, none of them thinner than can be seen.
  function bars(pairs, width, length) {
    const box = Math.max(width, length / LANE);
    const amounts = new Map();
    for (const [column, amount] of pairs) {
      const at = Math.floor(column * width / box);
      amounts.set(at, (amounts.get(at) || 0) + amount);
    }
    const most = Math.max(1, ...amounts.values());
    const wide = (Math.max(box / length * 1000, 3) - 0.6).toFixed(2);
    return [...amounts].map(([at, amount]) => {
      const tall = amount ? (2 + 24 * Math.sqrt(amount / most)).toFixed(1) : 0; // small amounts are to be seen, too
      return `M${(at * box / length * 1000).toFixed(2)} 28v-${tall}h${wide}v${tall}z`;
    }).join("");
  }

  function stems(reads, length) { // a line for each read, as tall as it is large, on a logarithmic scale
    const logs = reads.map(read => Math.log2(read[1] + 1));
    const least = logs.reduce((found, log) => Math.min(found, log || found), Infinity);
    const most = logs.reduce((found, log) => Math.max(found, log), 0);
    return reads.map(([seconds], at) => {
      const tall = logs[at] ? (6 + 46 * (most > least ? (logs[at] - least) / (most - least) : 0.5)).toFixed(1) : 0;
      return `M${(seconds / length * 1000).toFixed(2)} 56v-${tall}h1.4v${tall}z`;
    }).join("");
  }

  function ticks(length, timed) {
    const rough = length / 5;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = Math.max(timed ? 0 : 1, [1, 2, 5, 10].find(each => each * power >= rough) * power);
    const marks = [0];
    for (let at = step; at < length * 0.9; at += step) marks.push(at);
    const told = at => (timed ? time(Number(at.toPrecision(6))) : number(at));
    return [...marks.map(at => el("span", { class: at > length * 0.8 ? "near" : "", style: { left: `${at / length * 100}%` } }, at ? told(at) : "0")),
      el("span", { class: "last", style: { left: "100%" } }, told(length))];
  }

  function timeline(report, data, jump, choose) {
    const length = Math.max(1e-6, (report.timed ? report.last_byte : report.events) || 1);
    const said = el("div", { class: "said", tabindex: 0, hidden: "" });
    const lanes = el("div", { class: "lanes" }, el("div", { class: "axis", "aria-hidden": "true" }, ...ticks(length, report.timed)),
      el("span", {}));
    const labels = report.parts.map(part => {
      const name = part.name || part.kind;
      const span = !report.timed ? "" : `, ${time(part.first)}${part.last > part.first ? ` to ${time(part.last)}` : ""}`;
      const note = (part.chars ? counted(part.chars, "char") : "no text") + (part.arguments && part.arguments !== "complete" ? `, ${part.arguments}` : "");
      const label = el("button", { type: "button", class: "label", kind: kindOf(part), "aria-pressed": "false",
        title: `${name}: show what it says`, onclick: () => select(part, label) }, name);
      lanes.append(label,
        svg(extent(part) + bars(data.columns[part.index] || [], data.width, length), 1000, 28, { kind: kindOf(part), role: "img",
          "aria-label": `${name}${span}, ${note}` }),
        el("span", { class: "note", title: note + span }, note + span));
      return label;
    });
    function extent(part) { // a line from where a part begins to where it ends, even if nothing is in it
      const [from, to] = report.timed ? [part.first, part.last] : [part.first_event - 1, part.last_event];
      const wide = Math.max(3, (to - from) / length * 1000).toFixed(2);
      const tall = part.chars ? 2 : 10;
      return `M${Math.min(997, from / length * 1000).toFixed(2)} 28v-${tall}h${wide}v${tall}z`;
    }
    function select(part, label) {
      const pressed = label.getAttribute("aria-pressed") === "true";
      labels.forEach(each => each.setAttribute("aria-pressed", String(each === label && !pressed)));
      said.hidden = pressed;
      choose(pressed ? null : part.index);
      const [text, cut] = data.texts[part.index] || ["", part.chars];
      said.style.setProperty("--kind", `var(--${kindOf(part)})`);
      said.classList.toggle("mono", kindOf(part) !== "text" && kindOf(part) !== "reasoning");
      said.textContent = text + (cut ? `\n[${counted(cut, "more character")} not in this page]` : "") || "(nothing)";
    }
    if (report.timed && !report.unknown.includes("reads")) {
      const whole = !data.left_out.reads;
      const path = whole ? stems(data.reads, length) : bars(data.columns[BYTES] || [], data.width, length);
      const most = data.reads.reduce((found, read) => Math.max(found, read[1]), 0);
      lanes.append(el("span", { class: "label", kind: "reads" }, "reads"),
        svg(path, 1000, whole ? 56 : 28, { kind: "reads", class: whole ? "reads" : "", role: "img", "aria-label": `${counted(report.reads, "read")}` }),
        el("span", { class: "note" }, `${counted(report.reads, "read")}, up to ${size(most)}`));
    }
    const hair = el("div", { class: "hair", hidden: "" }, el("span", {}));
    lanes.append(hair);
    const axis = lanes.firstChild;
    const place = event => {
      const box = axis.getBoundingClientRect();
      const share = (event.clientX - box.left) / box.width;
      return share >= 0 && share <= 1 ? share : null;
    };
    lanes.addEventListener("pointermove", event => {
      const share = place(event);
      hair.hidden = share === null;
      if (share === null) return;
      hair.style.left = `${axis.offsetLeft + share * axis.offsetWidth}px`;
      hair.classList.toggle("left", share > 0.85);
      hair.firstChild.textContent = report.timed ? time(share * length) : `event ${number(Math.floor(share * length) + 1)}`;
    });
    lanes.addEventListener("pointerleave", () => { hair.hidden = true; });
    lanes.addEventListener("click", event => {
      const share = event.target.closest("button") ? null : place(event);
      if (share !== null) jump(share * length);
    });
    const more = report.more_parts ? `; ${counted(report.more_parts, "more part")} not shown` : "";
    return el("section", { class: "sheet", "aria-label": "Timeline" },
      el("h2", {}, "Timeline ", el("small", {}, report.timed
        ? `what came when; click to see the events${more}` : `by event, for there are no times${more}`)),
      lanes, said);
  }

  function histogram(report) {
    const gaps = report.gaps;
    if (!gaps) return null;
    const most = Math.max(...gaps.histogram.map(bin => bin[2]));
    const crowded = gaps.histogram.length > 24;
    const isDecade = seconds => Math.abs(Math.log10(seconds) - Math.round(Math.log10(seconds))) < 1e-9;
    const labelled = bin => gaps.histogram.length <= 6 || bin[0] === 0 || isDecade(bin[0]);
    return el("section", { class: "sheet", "aria-label": "Gaps between tokens" },
      el("h2", {}, "Gaps between tokens ", el("small", {},
        `${number(gaps.count)} between reads that brought some; median ${time(gaps.median)}, p95 ${time(gaps.p95)}, longest ${time(gaps.max)}`)),
      el("div", { class: "bars", role: "img", "aria-label": gaps.histogram.filter(bin => bin[2])
        .map(([from, to, count]) => `${time(from)} to ${time(to)}: ${count}`).join("; ") },
        ...gaps.histogram.map(([from, to, count]) => el("div", { title: `${time(from)} to ${time(to)}: ${number(count)}`,
          style: { height: `${count ? Math.max(1.5, count / most * 100) : 0}%` } },
          count && !crowded ? el("span", {}, number(count)) : null))),
      el("div", { class: "edges", "aria-hidden": "true" },
        ...gaps.histogram.map(bin => el("span", { class: labelled(bin) ? "tick" : "" }, labelled(bin) ? time(bin[0]) : ""))));
  }

  function differences(report) {
    const found = report.differences;
    let told;
    if (report.dialect !== "responses") told = "This API sends no final object that the stream could be compared with.";
    else if (!found) told = "The server's own final object did not come, so there is nothing to compare with.";
    else if (!found.length) told = "None: what was streamed is what the server's own final object says.";
    return el("section", { class: "sheet", "aria-label": "Streamed and final" },
      el("h2", {}, "Streamed and final ", el("small", {}, told ? "" : `${counted(found.length, "difference")}`)),
      told ? el("p", { class: "quiet", style: { margin: 0 } }, told) : el("div", { class: "scroll" }, el("table", {},
        el("thead", {}, el("tr", {}, ...["where", "what", "streamed", "final"].map(each => el("th", { scope: "col" }, each)))),
        el("tbody", {}, ...found.map(each => el("tr", {}, el("td", { class: "mono" }, each.path),
          el("td", {}, each.kind, el("span", { class: "quiet" }, EXPLAINED[each.kind] ? `: ${EXPLAINED[each.kind]}` : "")),
          ...[each.streamed, each.final].map(shown => el("td", { class: "mono" }, el("div", { class: "quoted" }, shown)))))))));
  }

  function diagnostics(report) {
    const rows = [
      ...Object.entries(report.unknown_events).map(([type, count]) => ["unknown event", type, "", count]),
      ...report.diagnostics.map(each => [each.kind, each.detail, each.ordinal, each.count])];
    if (!rows.length) return null;
    return el("section", { class: "sheet", "aria-label": "Diagnostics" }, el("h2", {}, "What was odd"),
      el("div", { class: "scroll" }, el("table", {},
        el("thead", {}, el("tr", {}, ...["what", "particulars", "event", "times"].map(each => el("th", { scope: "col" }, each)))),
        el("tbody", {}, ...rows.map(row => el("tr", {}, ...row.map(each => el("td", {}, String(each)))))))));
  }

  // -- events and reads --------------------------------------------------------------------------------

  // JSON with line breaks, its strings and numbers as they were sent; other texts as they are.
  function pretty(text) {
    try { JSON.parse(text); } catch { return text; }
    let out = "", depth = 0;
    const line = () => `\n${"  ".repeat(depth)}`;
    for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g)) {
      if (token === "{" || token === "[") { depth += 1; out += token + line(); }
      else if (token === "}" || token === "]") { depth -= 1; out = (/[{[]\s*$/.test(out.slice(-80)) ? out.trimEnd() : out + line()) + token; }
      else if (token === ",") out += token + line();
      else out += token === ":" ? ": " : token;
    }
    return out;
  }

  function marked(text, wanted) { // the text, with what was searched for marked; null where it is not in it
    const at = wanted ? text.toLowerCase().indexOf(wanted) : 0;
    if (at < 0) return null;
    const start = Math.max(0, at - 12);
    return [(start ? "…" : "") + text.slice(start, at), wanted ? el("mark", {}, text.slice(at, at + wanted.length)) : "",
      text.slice(at + wanted.length, at + 300)];
  }

  function explorer(report, data, state) {
    const folded = data.events.map(event => `${event[3]}\n${event[5]}\n${event[6]}`.toLowerCase());
    let mode = "events", rows = [], chosen = -1, part = null;
    const search = el("input", { type: "search", placeholder: "Search events  ( / )", "aria-label": "Search events",
      value: state.find || "", oninput: () => refill() });
    const parts = el("select", { "aria-label": "Part", onchange: () => { part = parts.value === "" ? null : Number(parts.value); refill(); } },
      el("option", { value: "" }, "all parts"),
      ...report.parts.map(each => el("option", { value: each.index }, `${each.index} ${each.name || each.kind}`)));
    const count = el("span", { class: "quiet", role: "status" });
    const space = el("div", { role: "presentation" });
    const list = el("div", { class: "list", tabindex: 0, role: "listbox", "aria-label": "Events", onscroll: () => paint(), onkeydown: keys }, space);
    const detail = el("div", { class: "detail", tabindex: 0, "aria-live": "polite" });
    const modes = report.unknown.includes("reads") ? ["events"] : ["events", "reads"];
    const tabs = modes.map(name => el("button", { type: "button", role: "tab",
      "aria-selected": String(name === mode), onclick: () => turn(name) }, name === "events" ? "Events" : "Reads"));

    function turn(name) {
      mode = name;
      tabs.forEach((tab, at) => tab.setAttribute("aria-selected", String((at === 0) === (name === "events"))));
      search.hidden = parts.hidden = name === "reads";
      list.setAttribute("aria-label", name);
      refill();
    }

    function refill() {
      const wanted = search.value.toLowerCase();
      const whole = mode === "events" ? data.events : data.reads;
      rows = [];
      whole.forEach((row, at) => {
        if (mode === "reads" || ((!wanted || folded[at].includes(wanted)) && (part === null || row[4] === part))) rows.push(at);
      });
      const missing = data.left_out[mode];
      count.textContent = (rows.length === whole.length ? counted(rows.length, mode.slice(0, -1))
        : `${number(rows.length)} of ${counted(whole.length, mode.slice(0, -1))}`)
        + (missing ? `; ${number(missing)} more did not fit into this page` : "");
      space.style.height = `${rows.length * ROW}px`;
      list.scrollTop = 0;
      chosen = -1;
      detail.replaceChildren(el("p", { class: "quiet" }, rows.length ? "Choose a row to see all of it." : "Nothing is like that."));
      paint();
    }

    function paint() { // only the rows that can be seen
      const first = Math.max(0, Math.floor(list.scrollTop / ROW) - 5);
      const last = Math.min(rows.length, first + Math.ceil((list.clientHeight || 460) / ROW) + 10);
      const painted = [];
      for (let at = first; at < last; at += 1) {
        painted.push(el("div", { class: "row", role: "option", id: `row-${at}`, "aria-selected": String(at === chosen),
          "aria-posinset": at + 1, "aria-setsize": rows.length, style: { top: `${at * ROW}px` },
          onclick: () => { choose(at); } }, ...cells(rows[at])));
      }
      space.replaceChildren(...painted);
    }

    function cells(at) {
      if (mode === "reads") {
        const [seconds, bytes] = data.reads[at];
        const gap = at && seconds !== null ? seconds - data.reads[at - 1][0] : null;
        return [el("span", { class: "number" }, number(at + 1)), el("span", { class: "when" }, clock(seconds)),
          el("span", { class: "when" }, gap === null ? "" : `+${clock(gap)}`), el("span", { class: "data" }, counted(bytes, "byte"))];
      }
      const [ordinal, seconds, , what, index, brought, text] = data.events[at];
      const wanted = search.value.toLowerCase();
      const name = what.replace(/^response\./, "");
      const plain = JSON.stringify(brought).slice(1, -1); // on one line
      const named = marked(name, wanted);
      const shown = (brought && marked(plain, wanted)) || (!(named && brought) && marked(text, wanted))
        || [brought ? plain : text.slice(0, 300)];
      return [el("span", { class: "number" }, number(ordinal)), report.timed ? el("span", { class: "when" }, clock(seconds)) : null,
        el("span", { class: "what", title: what, kind: index < 0 ? null : kindOf(report.parts[index]) }, ...(named || [name])),
        el("span", { class: brought ? "data brought" : "data mono" }, ...shown)];
    }

    function choose(at) {
      if (at < 0 || at >= rows.length) return;
      chosen = at;
      const top = at * ROW;
      if (top < list.scrollTop) list.scrollTop = top;
      else if (top + ROW > list.scrollTop + list.clientHeight) list.scrollTop = top + ROW - list.clientHeight;
      paint();
      list.setAttribute("aria-activedescendant", `row-${at}`);
      if (mode === "reads") return describeRead(rows[at]);
      const [ordinal, seconds, read, what, , , text, cut] = data.events[rows[at]];
      const facts = [`event ${number(ordinal)}`, report.timed && clock(seconds),
        !report.unknown.includes("reads") && `read ${number(read)}`, what].filter(Boolean).join(" · ");
      detail.replaceChildren(el("p", { class: "quiet", style: { margin: 0 } }, facts),
        el("pre", {}, pretty(text) + (cut ? `\n[${size(cut)} more not in this page]` : "")));
    }

    function describeRead(at) {
      const [seconds, bytes] = data.reads[at];
      const inside = data.events.filter(event => event[2] === at + 1);
      detail.replaceChildren(el("p", { class: "quiet", style: { margin: 0 } },
        [`read ${number(at + 1)}`, report.timed && clock(seconds), counted(bytes, "byte"), `completed ${counted(inside.length, "event")}`].filter(Boolean).join(" · ")),
        el("pre", {}, inside.slice(0, 200).map(event => `${event[0]}  ${event[3]}`).join("\n")));
    }

    function keys(event) {
      const page = Math.floor(list.clientHeight / ROW) - 1;
      const to = { ArrowDown: chosen + 1, ArrowUp: chosen - 1, PageDown: chosen + page, PageUp: chosen - page,
        Home: 0, End: rows.length - 1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      choose(Math.max(0, Math.min(rows.length - 1, to)));
    }

    function jump(position) { // to the first event there or behind
      if (mode !== "events") turn("events");
      const at = rows.findIndex(each => (report.timed ? data.events[each][1] : data.events[each][0] - 1) >= position);
      choose(at < 0 ? rows.length - 1 : at);
      list.scrollTop = Math.max(0, chosen * ROW - list.clientHeight / 3);
    }

    function only(index) {
      part = index;
      parts.value = index === null ? "" : String(index);
      if (mode === "events") refill();
    }

    function begin() {
      refill();
      if (!state.event) return;
      choose(rows.findIndex(each => data.events[each][0] === Number(state.event)));
      list.scrollTop = Math.max(0, chosen * ROW - list.clientHeight / 3);
    }

    const section = el("section", { class: "sheet", "aria-label": "Events" },
      el("div", { class: "tools" }, el("div", { class: "tabs", role: "tablist", hidden: modes.length < 2 }, ...tabs), search,
        report.parts.length > 1 ? parts : null, count),
      el("div", { class: "split" }, list, detail));
    return { section, jump, only, search, begin };
  }

  // -- all together ------------------------------------------------------------------------------------

  let shown = null, buttons = [];

  function show(at, state) {
    const report = reports[at];
    const data = value(kept[at]);
    shown = explorer(report, data, state || {});
    main.replaceChildren(...[header(report), figures(report), diagnostics(report),
      report.events ? timeline(report, data, shown.jump, shown.only) : null, histogram(report), shown.section,
      differences(report)].filter(Boolean));
    main.hidden = false;
    buttons.forEach((button, each) => (each === at ? button.setAttribute("aria-current", "true") : button.removeAttribute("aria-current")));
    document.title = `${short(report.source)} #${report.number} · ssewire inspect`;
    shown.begin();
    window.scrollTo(0, 0);
  }

  document.addEventListener("keydown", event => {
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName);
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && shown) {
      shown.search.focus();
      event.preventDefault();
    } else if (event.key === "Escape" && shown && document.activeElement === shown.search) {
      shown.search.value = "";
      shown.search.dispatchEvent(new Event("input"));
    }
  });

  document.getElementById("unready").hidden = true;
  if (reports.length) {
    // #stream=2&find=word&event=7 opens the page there.
    const state = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
    buttons = listStreams();
    show(Math.min(reports.length, Math.max(1, Number(state.stream) || 1)) - 1, state);
  } else {
    main.append(el("p", {}, "There are no streams in this page."));
    main.hidden = false;
  }
})();
