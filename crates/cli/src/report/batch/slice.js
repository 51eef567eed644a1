// One slice: larger, with its figures and the course of its iterations.

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const SVG = "http://www.w3.org/2000/svg";

function startSlice() {
    const dialog = byId("slice");
    byId("slice-before").addEventListener("click", () => step(-1));
    byId("slice-after").addEventListener("click", () => step(1));
    byId("slice-close").addEventListener("click", () => dialog.close());
    // a click beside the frame
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
    dialog.addEventListener("close", () => {
        byId("window-home").append(byId("window"));
        state.opened = null;
        if (window.location.hash.startsWith("#slice=")) {
            history.replaceState(null, "", window.location.pathname + window.location.search + "#sheet");
        }
    });
    dialog.addEventListener("keydown", (event) => {
        const typing = event.target instanceof HTMLInputElement;
        if (typing || event.altKey || event.ctrlKey || event.metaKey) return;
        if (event.key === "ArrowLeft") step(-1);
        else if (event.key === "ArrowRight") step(1);
        else return;
        event.preventDefault();
    });
}

function closeSlice() {
    if (byId("slice") && byId("slice").open) byId("slice").close();
}

/// To a neighbour among those chosen, whose page is shown behind.
function step(by) {
    const at = state.chosen.indexOf(state.opened);
    const next = state.chosen[at + by];
    if (at < 0 || !next) return;
    if (Math.floor((at + by) / PER_PAGE) !== state.page) {
        state.page = Math.floor((at + by) / PER_PAGE);
        fill();
    }
    openSlice(next);
}

function openSlice(slice) {
    state.opened = slice;
    const volume = index.volumes[slice.volume];
    const at = state.chosen.indexOf(slice);
    byId("slice-title").textContent = title(slice);
    byId("slice-place").textContent = at < 0 ? "" : (at + 1) + " of " + state.chosen.length;
    byId("slice-before").disabled = at <= 0;
    byId("slice-after").disabled = at < 0 || at === state.chosen.length - 1;
    const shown = picture(slice);
    if (shown) {
        const image = make("img");
        Object.assign(image, { src: shown, alt: title(slice) });
        byId("slice-picture").replaceChildren(image);
    } else {
        byId("slice-picture").replaceChildren(make("div", "blank", why(volume)));
    }
    byId("slice-facts").replaceChildren(...facts(slice, volume));
    byId("slice-words").replaceChildren(...words(slice, volume));
    byId("slice-courses").replaceChildren(...courses(slice));
    byId("window-slot").append(byId("window"));
    if (!byId("slice").open) {
        byId("slice").showModal();
        byId("slice").focus();
    }
    if (slice.number !== null) {
        const name = volume.name.split("/").map(encodeURIComponent).join("/");
        history.replaceState(null, "", "#slice=" + name + "/" + slice.number);
    }
}

function facts(slice, volume) {
    const text = (at) => (at === null ? null : index.texts[at]);
    const kept = slice.iterations > 0 ? ", the image is of iteration " + slice.kept : "";
    const rows = [
        ["Acquisition", volume.acquisition],
        ["Method", text(slice.method)],
        ["Acceleration", slice.acceleration === null ? null : "R = " + short(slice.acceleration)],
        ["Seed of the mask", volume.seed],
        ["Grid", volume.rows > 0 ? volume.rows + "×" + volume.cols + ", " + volume.coils + " coils" : null],
        ["Iterations", slice.iterations === null ? null : slice.iterations + kept],
        ["Stopped", text(slice.stop)],
        ["λ", slice.lambda === null ? null : significant(slice.lambda)],
        ["Predicted NMSE", slice.predicted === null ? null : significant(slice.predicted)],
        ["NMSE", slice.nmse === null ? null : significant(slice.nmse)],
        ["PSNR", slice.psnr === null ? null : fixed(slice.psnr, 2) + " dB"],
        ["SSIM", slice.ssim === null ? null : fixed(slice.ssim, 4)],
        ["Time", slice.seconds === null ? null
            : significant(slice.seconds) + " s, " + significant(slice.preparation) + " s of it before the iterations"],
    ];
    const there = rows.filter((row) => row[1] !== null && row[1] !== undefined);
    return there.flatMap(([name, value]) => [make("dt", "", name), make("dd", "", String(value))]);
}

function short(value) {
    const text = fixed(value, 2);
    return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

function words(slice, volume) {
    const list = (heading, texts, className) => {
        if (texts.length === 0) return [];
        const items = texts.map((text) => make("li", "", text));
        return [make("h4", "", heading), make("ul", "notes " + className, ...items)];
    };
    const texts = (places) => places.map((place) => index.texts[place]);
    return [
        ...list("Why it failed", volume.error === null ? [] : [volume.error], "warned"),
        ...list("Warnings", texts(slice.warnings), "warned"),
        ...list("Warnings of the volume", volume.warnings, "warned"),
        ...list("Notes", texts(slice.notes), ""),
    ];
}

/// The values of a course by name, as points of iteration and value.
function series(slice) {
    const shown = slice.number === null ? null : block(slice.volume);
    const course = shown && shown.courses[slice.number];
    if (!course) return null;
    const read = (text) => {
        const points = [];
        for (let i = 0; 2 * i < text.length; i++) {
            const level = 64 * LETTERS.indexOf(text[2 * i]) + LETTERS.indexOf(text[2 * i + 1]);
            if (level === 0) continue;
            const value = 10 ** (course.low + (course.high - course.low) * (level - 1) / 4094);
            points.push([course.at ? course.at[i] : i + 1, value]);
        }
        return points;
    };
    return { count: course.count, curves: new Map(shown.names.map((name, i) => [name, read(course.values[i])])) };
}

function courses(slice) {
    const found = series(slice);
    if (!found) {
        return slice.number === null ? [] : [make("p", "quiet", "No course of iterations is on record.")];
    }
    const { curves } = found;
    // the last ones may be of a kind of which nothing is on record
    const count = Math.max(found.count, slice.iterations ?? 0);
    const figures = [];
    const general = [["noise", "noise variance", 1, ""], ["mean", "mean τ", 0, ""]]
        .filter(([name]) => curves.get(name).length > 0)
        .map(([name, label, colour, dash]) => ({ label, colour, dash, points: curves.get(name) }));
    if (general.length > 0) figures.push(plot("Convergence", "variance / units²", general, count, slice.kept));
    // a colour for each scale, a dash for each direction
    const dashes = { H: "", V: "7 3", D: "2 3", A: "" };
    const bands = [...curves].filter(([name, points]) => /^[HVDA]\d+$/.test(name) && points.length > 0)
        .map(([name, points]) => ({
            label: name,
            colour: name[0] === "A" ? 6 : (+name.slice(1) - 1) % 6,
            dash: dashes[name[0]],
            points,
        }));
    if (bands.length > 0) {
        figures.push(plot("State evolution: τ of subbands", "τ / units²", bands, count, slice.kept));
    }
    return figures;
}

/// A figure with curves of positive values against the iteration, on a logarithmic axis.
function plot(heading, unit, curves, count, kept) {
    const [width, height, left, right, above, below] = [360, 236, 58, 14, 8, 38];
    const values = curves.flatMap((curve) => curve.points.map((point) => Math.log10(point[1])));
    let low = Math.min(...values), high = Math.max(...values);
    const margin = Math.max(0.04 * (high - low), high - low < 0.4 ? 0.2 : 0);
    [low, high] = [low - margin, high + margin];
    const x = (at) => left + (count > 1 ? (at - 1) / (count - 1) : 0.5) * (width - left - right);
    const y = (value) => above + (high - value) / (high - low) * (height - above - below);
    const svg = shape("svg", { viewBox: "0 0 " + width + " " + height, class: "course", role: "img" });
    svg.setAttribute("aria-label", heading + " against the iteration");
    const write = (text, at, down, anchor) => {
        const label = shape("text", { x: at, y: down, "text-anchor": anchor });
        label.textContent = text;
        svg.append(label);
        return label;
    };
    for (const [value, text] of ticks(low, high)) {
        svg.append(shape("line", { x1: left, x2: width - right, y1: y(value), y2: y(value), class: "grid" }));
        write(text, left - 6, y(value) + 4, "end");
    }
    for (const at of iterations(count)) {
        svg.append(shape("line", { x1: x(at), x2: x(at), y1: height - below, y2: height - below + 4, class: "axis" }));
        write(at, x(at), height - below + 17, "middle");
    }
    const frame = "M" + left + " " + above + "V" + (height - below) + "H" + (width - right);
    svg.append(shape("path", { d: frame, class: "axis" }));
    write("iteration", (left + width - right) / 2, height - 5, "middle");
    const side = write(unit, 0, 0, "middle");
    side.setAttribute("transform", "translate(12 " + (above + height - below) / 2 + ") rotate(-90)");
    if (kept > 0 && kept < count) {
        svg.append(shape("line", { x1: x(kept), x2: x(kept), y1: above, y2: height - below, class: "kept" }));
    }
    for (const curve of curves) {
        const places = curve.points.map(([at, value]) => [x(at), y(Math.log10(value))]);
        const colour = "var(--s" + (curve.colour + 1) + ")";
        const drawn = places.length > 1
            ? shape("polyline", { points: places.map((p) => p.map((v) => v.toFixed(1)).join(",")).join(" "),
                stroke: colour, "stroke-dasharray": curve.dash, class: "curve" })
            : shape("circle", { cx: places[0][0], cy: places[0][1], r: 3.5, fill: colour });
        const last = curve.points[curve.points.length - 1];
        const name = shape("title", {});
        name.textContent = curve.label + ": " + significant(last[1]) + " at iteration " + last[0];
        drawn.append(name);
        svg.append(drawn);
    }
    const legend = make("ul", "legend", ...curves.map(key));
    if (kept > 0 && kept < count) legend.append(make("li", "", "│ the iteration whose image was kept"));
    const figure = make("figure", "", make("h4", "", heading), svg, legend);
    return figure;
}

function key(curve) {
    const line = shape("svg", { viewBox: "0 0 26 10", class: "key", "aria-hidden": "true" });
    line.append(shape("line", { x1: 0, x2: 26, y1: 5, y2: 5, stroke: "var(--s" + (curve.colour + 1) + ")",
        "stroke-dasharray": curve.dash, class: "curve" }));
    return make("li", "", line, make("span", "", curve.label));
}

function shape(tag, attributes) {
    const element = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) if (value !== "") element.setAttribute(name, value);
    return element;
}

/// Powers of ten; of few decades multiples of them too; of many decades some.
function ticks(low, high) {
    const found = [];
    const mantissas = high - low < 0.7 ? [1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9] : high - low < 1.7 ? [1, 2, 5] : [1];
    const every = Math.max(1, Math.ceil((high - low) / 6));
    for (let decade = Math.floor(low); decade <= Math.ceil(high); decade++) {
        if (((decade % every) + every) % every !== 0) continue;
        for (const mantissa of mantissas) {
            const at = decade + Math.log10(mantissa);
            if (at < low || at > high) continue;
            const plain = decade >= -3 && decade <= 3;
            found.push([at, plain ? String(+(mantissa * 10 ** decade).toPrecision(2))
                : (mantissa === 1 ? "" : mantissa + "×") + powerOfTen(decade)]);
        }
    }
    return found;
}

/// The first, the last, and round numbers between, not too close.
function iterations(count) {
    const rough = count / 6;
    const power = 10 ** Math.floor(Math.log10(Math.max(rough, 1)));
    const apart = [1, 2, 5, 10].map((m) => m * power).find((m) => m >= rough) ?? 1;
    const between = [];
    for (let at = apart; at <= count; at += apart) if (at > 1) between.push(at);
    const last = between[between.length - 1];
    if (count > 1 && last !== count) {
        if (last && count - last < apart / 2) between.pop();
        between.push(count);
    }
    return [1, ...between.filter((at) => at - 1 >= apart / 2)];
}
