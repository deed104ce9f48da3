// A View is the part of the time axis that is shown, in milliseconds. Several
// charts may share one.
class View {
  constructor(length) {
    this.length = length;
    this.from = 0;
    this.to = length;
    this.listeners = [];
  }

  // show moves to a part of the axis, at least a microsecond long.
  show(from, to) {
    const span = Math.min(Math.max(to - from, 0.001), this.length);
    this.from = Math.min(Math.max(from, 0), this.length - span);
    this.to = this.from + span;
    for (const changed of this.listeners) changed();
  }

  reset() {
    this.show(0, this.length);
  }

  // zoom makes the part factor times as long; the time `at` stays where it is.
  zoom(factor, at = (this.from + this.to) / 2) {
    this.show(at - (at - this.from) * factor, at + (this.to - at) * factor);
  }

  // pan moves by a share of what is shown.
  pan(share) {
    const by = share * (this.to - this.from);
    const to = Math.min(Math.max(this.to + by, this.to - this.from), this.length);
    this.show(to - (this.to - this.from), to);
  }

  x(time, width) {
    return (time - this.from) / (this.to - this.from) * width;
  }

  time(x, width) {
    return this.from + x / width * (this.to - this.from);
  }

  // ticks are round times at least 80 pixels apart.
  ticks(width) {
    const atLeast = (this.to - this.from) * 80 / Math.max(width, 80);
    const power = 10 ** Math.floor(Math.log10(atLeast));
    const step = [1, 2, 5, 10].map(m => m * power).find(s => s >= atLeast * 0.999);
    const ticks = [];
    for (let i = Math.ceil(this.from / step); i * step <= this.to; i++) ticks.push(i * step);
    const [scale, unit] = this.length >= 2000 && step >= 10 ? [1000, 's'] : [1, 'ms'];
    const places = Math.max(0, -Math.floor(Math.log10(step / scale) + 1e-9));
    return ticks.map(at => ({at, label: (at / scale).toFixed(places) + ' ' + unit}));
  }
}

// drawAxis fills an axis with ticks and, above them, the moments, stacked where
// they would cover each other.
function drawAxis(axis, view, moments) {
  const width = axis.clientWidth;
  axis.replaceChildren();
  for (const {at, label} of view.ticks(width)) {
    const tick = element('span', 'tick', label);
    tick.style.left = view.x(at, width) + 'px';
    axis.append(tick);
    if (tick.offsetLeft + tick.offsetWidth > width) tick.textContent = '';
  }
  const ends = []; // where the labels of each level end
  for (const m of moments) {
    const x = view.x(m.at_ms, width);
    if (x < 0 || x > width + 1) continue;
    const mark = element('span', 'moment', m.label);
    axis.append(mark);
    const left = x + mark.offsetWidth > width;
    mark.classList.toggle('left', left);
    mark.style.left = x + 'px';
    const begins = left ? x - mark.offsetWidth : x;
    let level = ends.findIndex(end => end <= begins);
    if (level < 0) level = ends.length;
    ends[level] = begins + mark.offsetWidth;
    mark.style.top = level * 15 + 'px';
    mark.style.bottom = '0';
  }
  if (moments.length > 0) axis.style.height = 22 + ends.length * 15 + 'px';
}

// navigate lets a person move along time: `surface` takes the drag and the
// wheel, `plot` says where time is. The wheel zooms where `wheelZooms`, and with
// Ctrl; else it scrolls.
function navigate(surface, plot, view, wheelZooms) {
  const timeAt = event => {
    const box = plot.getBoundingClientRect();
    return view.time(Math.min(Math.max(event.clientX - box.left, 0), box.width), box.width);
  };
  surface.addEventListener('wheel', event => {
    if (wheelZooms || event.ctrlKey || event.metaKey) {
      event.preventDefault();
      view.zoom(Math.exp(event.deltaY * 0.002), timeAt(event));
    } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      event.preventDefault();
      view.pan((event.deltaX || event.deltaY) / plot.clientWidth);
    }
  }, {passive: false});
  surface.addEventListener('dblclick', () => view.reset());
  surface.addEventListener('pointerdown', event => {
    const box = plot.getBoundingClientRect();
    if (event.button !== 0 || event.clientX < box.left || event.clientX > box.right) return;
    brush(event, surface, plot, view, timeAt);
  });
}

// brush marks a part of the axis while the button is down, and shows it then.
function brush(down, surface, plot, view, timeAt) {
  const from = timeAt(down);
  const mark = element('div', 'brush');
  let far = false;
  const move = event => {
    far = far || Math.abs(event.clientX - down.clientX) > 4;
    if (!far) return;
    const [a, b] = [from, timeAt(event)].sort((a, b) => a - b);
    const offset = plot.getBoundingClientRect().left - surface.getBoundingClientRect().left;
    mark.style.left = offset + view.x(a, plot.clientWidth) + 'px';
    mark.style.width = view.x(b, plot.clientWidth) - view.x(a, plot.clientWidth) + 'px';
    mark.style.height = surface.scrollHeight + 'px';
    surface.append(mark);
  };
  const end = event => {
    for (const type of ['pointermove', 'pointerup', 'pointercancel']) removeEventListener(type, type === 'pointermove' ? move : end);
    mark.remove();
    const [a, b] = [from, timeAt(event)].sort((a, b) => a - b);
    if (far && event.type === 'pointerup') view.show(a, b);
  };
  addEventListener('pointermove', move);
  addEventListener('pointerup', end);
  addEventListener('pointercancel', end);
}

// zoomKeys are the keys that move along time; it reports whether it took one.
function zoomKeys(event, view) {
  const actions = {
    '+': () => view.zoom(0.5), '=': () => view.zoom(0.5), '-': () => view.zoom(2),
    '0': () => view.reset(), ArrowLeft: () => view.pan(-0.2), ArrowRight: () => view.pan(0.2),
  };
  if (event.ctrlKey || event.metaKey || event.altKey || !actions[event.key]) return false;
  actions[event.key]();
  event.preventDefault();
  return true;
}

// zoomButtons binds the buttons of the toolbar.
function zoomButtons(view) {
  const actions = {in: () => view.zoom(0.5), out: () => view.zoom(2), reset: () => view.reset()};
  for (const button of document.querySelectorAll('[data-zoom]')) {
    button.addEventListener('click', actions[button.dataset.zoom]);
  }
}
