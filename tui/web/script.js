"use strict";
// What is live on the page is asked for again when something has changed. Keys move
// in the list as they do on the terminal.
const live = () => document.getElementById("live");
const rows = () => [...document.querySelectorAll("tbody a")];

let asking = false, again = false;
async function refresh() {
	if (asking) { again = true; return; }
	asking = true;
	try {
		const answer = await fetch(location.href);
		if (answer.ok) show(new DOMParser().parseFromString(await answer.text(), "text/html"));
	} catch { /* the next event tries again */ }
	asking = false;
	if (again) { again = false; refresh(); }
}

function show(page) {
	const focused = document.activeElement?.getAttribute("href");
	const open = [...live().querySelectorAll("details")].map(d => d.open);
	live().replaceWith(page.getElementById("live"));
	live().querySelectorAll("details").forEach((d, i) => d.open = open[i] ?? false);
	if (focused) rows().find(a => a.getAttribute("href") === focused)?.focus();
	if (!page.body.dataset.events) source?.close();
}

const source = document.body.dataset.events ? new EventSource(document.body.dataset.events) : null;
if (source) source.onmessage = refresh;

function move(by) {
	const all = rows(), at = all.indexOf(document.activeElement);
	all[at < 0 ? 0 : Math.min(Math.max(at + by, 0), all.length - 1)]?.focus();
}

document.addEventListener("keydown", event => {
	const typing = event.target.matches("input, select");
	if (event.key === "Escape" && typing) { event.target.blur(); return; }
	if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
	const go = link => document.querySelector(link)?.click();
	const does = {
		j: () => move(1), ArrowDown: rows().length && (() => move(1)), k: () => move(-1), ArrowUp: rows().length && (() => move(-1)),
		"/": () => document.querySelector("input[type=search]")?.focus(),
		n: () => go("a[rel=next]"), p: () => go("a[rel=prev]"), q: () => go("#back"), Escape: () => go("#back"),
	}[event.key];
	if (does) { event.preventDefault(); does(); }
});
