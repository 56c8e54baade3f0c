// The search box: asks the service for completions of what is typed, and shows them under the caret.

const LIMIT = 8;

const query = document.getElementById("query");
const list = document.getElementById("completions");
const status = document.getElementById("status");
const picker = document.getElementById("model");

// What outlives an event: the texts shown, which of them is chosen, and the number of the newest question.
const state = { texts: [], chosen: -1, question: 0, underway: null, composing: false };

function close() {
  state.texts = [];
  state.chosen = -1;
  list.hidden = true;
  list.replaceChildren();
  query.setAttribute("aria-expanded", "false");
  query.removeAttribute("aria-activedescendant");
}

// Whatever is on its way is late from now on.
function forgetQuestion() {
  state.question += 1;
  state.underway?.abort();
  state.underway = null;
}

function choose(index) {
  state.chosen = index;
  for (const [position, option] of [...list.children].entries()) {
    option.setAttribute("aria-selected", String(position === index));
  }
  const option = list.children[index];
  query.setAttribute("aria-activedescendant", option.id);
  option.scrollIntoView({ block: "nearest" });
}

function accept(index) {
  const text = state.texts[index];
  if (state.composing) {
    query.blur(); // the input method lets go of its syllable, rather than putting it in after the completion
  }
  forgetQuestion();
  close();
  query.value = text;
  query.setSelectionRange(text.length, text.length);
  query.scrollLeft = query.scrollWidth;
  query.focus();
}

// The caret's distance from the left edge of the box, in pixels: the width of the text before it.
function caretX() {
  const style = getComputedStyle(query);
  const context = document.createElement("canvas").getContext("2d");
  context.font = `${style.fontStyle} ${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
  const before = query.value.slice(0, query.selectionEnd ?? query.value.length);
  return query.clientLeft + parseFloat(style.paddingLeft) + context.measureText(before).width - query.scrollLeft;
}

function placeUnderCaret() {
  const room = query.offsetWidth - list.offsetWidth;
  list.style.left = `${Math.max(0, Math.min(caretX(), room))}px`;
}

// Text goes in as text and never as markup.
function part(className, text) {
  const span = document.createElement("span");
  span.className = className;
  span.textContent = text;
  return span;
}

// What a match that is not exact is called for people.
const MATCHES = {
  partial: "half typed",
  case: "other case",
  initials: "initials",
  keyboard: "other keyboard",
  slip: "slip",
};

// The spans of what was typed count code points, and a string of JavaScript counts half of some.
function partsOf({ text, highlight }) {
  const points = [...text];
  const parts = [];
  let end = 0;
  for (const [first, last] of [...highlight, [points.length, points.length]]) {
    if (first > end) {
      parts.push(part("completed", points.slice(end, first).join("")));
    }
    if (last > first) {
      parts.push(part("typed", points.slice(first, last).join("")));
    }
    end = last;
  }
  return parts;
}

function optionOf(completion, index) {
  const option = document.createElement("li");
  option.id = `completion-${index}`;
  option.setAttribute("role", "option");
  option.dir = "auto";
  option.append(...partsOf(completion));
  if (completion.match in MATCHES) {
    option.dataset.match = MATCHES[completion.match]; // shown after the text, and no part of it
  }
  return option;
}

function show(reply) {
  const texts = reply.completions.map((completion) => completion.text);
  const count = texts.length === 1 ? "1 completion" : `${texts.length} completions`;
  const bound = reply.exact ? "" : " · stopped at the bound of the search";
  status.textContent = `${count} · ${reply.elapsed_ms.toFixed(1)} ms · ${reply.model} ${reply.version}${bound}`;
  if (texts.length === 0) {
    close();
    return;
  }
  state.texts = texts;
  list.replaceChildren(...reply.completions.map(optionOf));
  list.style.left = "0";
  list.hidden = false;
  query.setAttribute("aria-expanded", "true");
  placeUnderCaret();
  choose(0);
}

function fail(detail) {
  close();
  status.textContent = detail;
}

async function ask() {
  forgetQuestion();
  const typed = query.value;
  if (typed === "") {
    close();
    status.textContent = "";
    return;
  }
  const question = state.question;
  state.underway = new AbortController();
  const parameters = new URLSearchParams({ q: typed, limit: LIMIT });
  if (picker.value) {
    parameters.set("model", picker.value);
  }
  try {
    const response = await fetch(`v1/complete?${parameters}`, { signal: state.underway.signal });
    const reply = await response.json();
    if (question !== state.question) {
      return;
    }
    if (response.ok) {
      show(reply);
    } else {
      fail(reply.detail);
    }
  } catch {
    if (question === state.question) {
      fail("The service does not answer.");
    }
  }
}

// While a syllable is being composed, Enter, Tab, Escape and the arrows belong to the input method. Safari ends
// the composition just before it reports the key, and says so with the code 229 alone.
function isComposing(event) {
  return event.isComposing || event.keyCode === 229;
}

function onKey(event) {
  if (isComposing(event) || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) {
    return;
  }
  const options = state.texts.length;
  if (options === 0) {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      ask();
    }
    return;
  }
  switch (event.key) {
    case "ArrowDown":
      choose((state.chosen + 1) % options);
      break;
    case "ArrowUp":
      choose((state.chosen - 1 + options) % options);
      break;
    case "Enter":
    case "Tab":
      accept(state.chosen);
      break;
    case "Escape":
      forgetQuestion();
      close();
      break;
    default:
      return;
  }
  event.preventDefault();
}

function indexOf(target) {
  return [...list.children].indexOf(target.closest("li"));
}

async function offerModels() {
  const response = await fetch("v1/models");
  const reply = await response.json();
  const names = reply.models.filter((model) => model.task === "autocomplete").map((model) => model.name);
  if (names.length < 2) {
    return;
  }
  picker.replaceChildren(...names.map((name) => new Option(name, name, false, name === reply.default)));
  picker.parentElement.hidden = false;
}

// An input event comes for every letter, within a composition as well as outside of one.
query.addEventListener("input", ask);
query.addEventListener("compositionstart", () => {
  state.composing = true;
});
query.addEventListener("compositionend", () => {
  state.composing = false;
});
query.addEventListener("keydown", onKey);
query.addEventListener("blur", () => {
  forgetQuestion();
  close();
});
picker.addEventListener("change", () => {
  query.focus();
  ask();
});
// Pressing keeps the caret in the box; letting go accepts.
list.addEventListener("pointerdown", (event) => event.preventDefault());
list.addEventListener("mousedown", (event) => event.preventDefault());
list.addEventListener("pointermove", (event) => {
  const index = indexOf(event.target);
  if (index >= 0 && index !== state.chosen) {
    choose(index);
  }
});
list.addEventListener("click", (event) => {
  const index = indexOf(event.target);
  if (index >= 0) {
    accept(index);
  }
});
addEventListener("resize", () => {
  if (!list.hidden) {
    placeUnderCaret();
  }
});

offerModels().catch(() => fail("The service does not answer."));
if (query.value) {
  ask(); // what the browser kept from before a reload
}
