"use strict";

// The contact sheet: which slices, in which order, and the pictures of one page of them.

const PER_PAGE = 120;
const byId = (id) => document.getElementById(id);
const index = JSON.parse(byId("index").textContent);

// In the order of Figures in data.rs.
const FIGURES = ["method", "acceleration", "iterations", "kept", "stop", "lambda", "predicted", "nmse", "psnr", "ssim",
    "seconds", "preparation"];
// How each order compares, and what a card says then.
const ORDERS = {
    volume: null,
    predicted: { greatest: true, label: "pred. ", text: significant },
    nmse: { greatest: true, label: "NMSE ", text: significant },
    psnr: { greatest: false, label: "PSNR ", text: (value) => fixed(value, 2) + " dB" },
    ssim: { greatest: false, label: "SSIM ", text: (value) => fixed(value, 4) },
    seconds: { greatest: true, label: "", text: (value) => significant(value) + " s" },
};

const slices = index.slices.map((entry) => {
    const { v: volume, s: number = null, warnings = [], notes = [] } = entry;
    const slice = { volume, number, warnings, notes };
    FIGURES.forEach((name, i) => { slice[name] = entry.figures ? entry.figures[i] : null; });
    // JSON has no infinity
    if (slice.nmse === 0 && slice.psnr === null) slice.psnr = Infinity;
    return slice;
});

const state = { chosen: slices, page: 0, opened: null };
const blocks = new Map();

/// Pictures and courses of a volume, parsed when they are first wanted; null where there are none.
function block(volume) {
    if (!index.volumes[volume].shown) return null;
    if (!blocks.has(volume)) blocks.set(volume, JSON.parse(byId("volume-" + volume).textContent));
    return blocks.get(volume);
}

/// As the value of `src`; null where there is none.
function picture(slice) {
    const shown = slice.number === null ? null : block(slice.volume);
    const data = shown && shown.pictures[slice.number];
    return data ? "data:image/jpeg;base64," + data : null;
}

/// An element with a class, and text or elements in it.
function make(tag, className, ...content) {
    const element = document.createElement(tag);
    if (className) element.className = className;
    element.append(...content);
    return element;
}

function fixed(value, decimals) {
    if (value === null || Number.isNaN(value)) return "–";
    const size = Number.isFinite(value) ? Math.abs(value).toFixed(decimals) : "∞";
    return value < 0 && !/^[0.]*$/.test(size) ? "−" + size : size;
}

/// Three digits; powers of ten for what is very small or large.
function significant(value) {
    if (value === null || value === 0 || !Number.isFinite(value)) return fixed(value, 0);
    const [digits, exponent] = value.toExponential(2).split("e");
    if (exponent < -4 || exponent > 5) {
        return digits.replace("-", "−") + "×" + powerOfTen(+exponent);
    }
    return fixed(value, Math.max(0, 2 - exponent));
}

function powerOfTen(exponent) {
    return "10" + [...String(exponent)].map((c) => (c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[c])).join("");
}

function title(slice) {
    const name = index.volumes[slice.volume].name;
    return slice.number === null ? name : name + ", slice " + slice.number;
}

/// Whether a slice is among those asked for.
function wanted() {
    const name = byId("name").value.trim().toLowerCase();
    const show = byId("show").value;
    const kind = byId("kind") ? byId("kind").value : "";
    const warning = byId("warning") ? byId("warning").value : "";
    return (slice) => {
        const volume = index.volumes[slice.volume];
        const own = volume.acquisition === null ? "none" : "=" + volume.acquisition;
        return (name === "" || volume.name.toLowerCase().includes(name))
            && (kind === "" || kind === own)
            && (warning === "" || slice.warnings.some((text) => index.groups[text] === +warning))
            && (show === "all"
                || (show === "warned" ? slice.warnings.length > 0 : !volume.shown || slice.number === null));
    };
}

function choose() {
    const key = byId("order").value;
    const order = ORDERS[key];
    const chosen = slices.filter(wanted());
    if (order) {
        const sign = order.greatest ? -1 : 1;
        // those without a figure come last; equal ones stay as they are
        const rank = (slice) => (slice[key] === null ? Infinity : sign * slice[key]);
        const ranked = chosen.map((slice) => [rank(slice), slice]);
        ranked.sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0));
        state.chosen = ranked.map((pair) => pair[1]);
    } else {
        state.chosen = chosen;
    }
    state.page = 0;
    fill();
}

/// The pictures of the current page.
function fill() {
    const pages = Math.max(1, Math.ceil(state.chosen.length / PER_PAGE));
    state.page = Math.min(Math.max(state.page, 0), pages - 1);
    const from = state.page * PER_PAGE;
    byId("grid").replaceChildren(...state.chosen.slice(from, from + PER_PAGE).map(card));
    const grouped = (n) => String(n).replace(/\B(?=(\d{3})+$)/g, "\u202f");
    byId("count").textContent = grouped(state.chosen.length) + " of " + grouped(slices.length);
    byId("place").textContent = "page " + (state.page + 1) + " of " + pages;
    byId("before").disabled = state.page === 0;
    byId("after").disabled = state.page === pages - 1;
}

function card(slice) {
    const volume = index.volumes[slice.volume];
    const order = ORDERS[byId("order").value];
    const button = make("button", "thumb");
    button.type = "button";
    button.title = title(slice);
    const shown = picture(slice);
    if (shown) {
        const image = make("img");
        Object.assign(image, { src: shown, alt: title(slice), decoding: "async" });
        button.append(make("span", "tile", image));
    } else {
        button.append(make("span", "tile blank", why(volume)));
    }
    const stem = volume.name.replace(/\.h5$/, "");
    // cut at its start where it is long: files differ at their end
    const cut = make("span", "stem", make("bdi", "", stem));
    cut.dir = "rtl";
    const name = make("span", "name", cut, slice.number === null ? "" : " · " + slice.number);
    const figure = order && slice.number !== null ? order.label + order.text(slice[byId("order").value]) : "";
    button.append(name, make("span", "figure", figure));
    if (slice.warnings.length > 0) {
        const mark = make("span", "mark", "!");
        mark.title = slice.warnings.map((text) => index.texts[text]).join("\n");
        button.append(mark);
    }
    button.addEventListener("click", () => openSlice(slice));
    return button;
}

function why(volume) {
    if (volume.status === "failed") return "failed";
    return volume.status === "left" ? "left to do" : "no picture";
}

/// The window of all pictures: 8-bit values from `low` to `high` become those from black to white.
function applyWindow() {
    const low = byId("low"), high = byId("high");
    if (+high.value < +low.value + 2) high.value = +low.value + 2;
    const [l, h] = [low.value / 100, high.value / 100];
    // the two filters of CSS that make (v − l) / (h − l) of v
    const gain = 1 / (h - l);
    const contrast = 1 + 2 * l * gain;
    const plain = l === 0 && h === 1;
    const filter = plain ? "none" : "brightness(" + gain / contrast + ") contrast(" + contrast + ")";
    document.documentElement.style.setProperty("--window", filter);
    byId("low-said").textContent = low.value + " %";
    byId("high-said").textContent = high.value + " %";
}

function turn(pages) {
    state.page += pages;
    fill();
    byId("sheet").scrollIntoView();
}

/// What the address asks for: `#slice=NAME/N` opens a slice, `#warning=N` shows those that have it.
function followAddress() {
    const address = window.location.hash;
    const opened = /^#slice=(.*)\/(\d+)$/.exec(address);
    if (opened) {
        let name = opened[1];
        try { name = decodeURIComponent(name); } catch { /* as it is written */ }
        const slice = slices.find((s) => s.number === +opened[2] && index.volumes[s.volume].name === name);
        if (slice) openSlice(slice);
        return;
    }
    closeSlice();
    const warning = /^#warning=(\d+)$/.exec(address);
    if (warning && byId("warning")) {
        byId("name").value = "";
        byId("show").value = "all";
        if (byId("kind")) byId("kind").value = "";
        byId("warning").value = warning[1];
        choose();
        byId("sheet").scrollIntoView();
    }
}

function start() {
    if (!byId("grid")) return;
    for (const id of ["show", "kind", "warning", "order"]) {
        if (byId(id)) byId(id).addEventListener("change", choose);
    }
    byId("name").addEventListener("input", choose);
    byId("before").addEventListener("click", () => turn(-1));
    byId("after").addEventListener("click", () => turn(1));
    const size = byId("size");
    const resize = () => byId("grid").style.setProperty("--cell", size.value + "px");
    size.value = index.side < 128 ? 96 : 144;
    size.addEventListener("input", resize);
    resize();
    for (const id of ["low", "high"]) byId(id).addEventListener("input", applyWindow);
    byId("window-reset").addEventListener("click", () => {
        byId("low").value = 0;
        byId("high").value = 100;
        applyWindow();
    });
    applyWindow();
    startSlice();
    choose();
    window.addEventListener("hashchange", followAddress);
    followAddress();
}
