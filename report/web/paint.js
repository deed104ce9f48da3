// Bars on a canvas: thousands of exchanges stay quick that way.

// colors reads the colours of the style sheet, which follow light and dark.
function colors(phases) {
  const style = getComputedStyle(document.documentElement);
  const all = {};
  for (const name of [...phases, 'line', 'bad', 'moment']) all[name] = style.getPropertyValue('--' + name).trim();
  return all;
}

// fit makes a canvas as fine as the screen and returns what draws on it, in CSS
// pixels.
function fit(canvas, width, height) {
  const scale = devicePixelRatio || 1;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const context = canvas.getContext('2d');
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

// grid draws the lines of the ticks and of the moments.
function drawGrid(context, view, width, height, moments, palette) {
  const line = (at, color, dash) => {
    const x = Math.round(view.x(at, width)) + 0.5;
    context.strokeStyle = color;
    context.setLineDash(dash);
    context.beginPath();
    context.moveTo(x, 0);
    context.lineTo(x, height);
    context.stroke();
  };
  for (const {at} of view.ticks(width)) line(at, palette.line, []);
  for (const m of moments) line(m.at_ms, palette.moment, [3, 3]);
  context.setLineDash([]);
}

// drawBar draws an exchange's spans from the time `since`. Waiting in the queue
// is a thin line, a failure ends in red.
function drawBar(context, view, width, entry, since, y, height, palette) {
  const end = entry.start + entry.length;
  if (end < view.from || since > view.to) return;
  const thin = Math.min(2, height);
  for (const span of entry.exchange.spans) {
    const from = Math.max(entry.start + span.start_ns / 1e6, since), to = entry.start + span.end_ns / 1e6;
    if (to <= from || to < view.from || from > view.to) continue;
    const x = Math.max(view.x(from, width), -1), w = Math.min(view.x(to, width), width + 1) - x;
    context.fillStyle = palette[span.phase];
    if (span.phase === 'queue') context.fillRect(x, y + (height - thin) / 2, w, thin);
    else context.fillRect(x, y, Math.max(w, 0.5), height);
  }
  const x = view.x(end, width);
  if (x - view.x(since, width) > 4) context.clearRect(view.x(since, width) - 0.5, y, 1, height); // tells it from the one before
  if (entry.exchange.error) {
    context.fillStyle = palette.bad;
    context.fillRect(x - 1.5, y - 1, 3, height + 2);
  } else if (view.x(end, width) - view.x(since, width) < 1) {
    context.fillStyle = palette[entry.exchange.spans.at(-1)?.phase ?? 'receive'];
    context.fillRect(x - 1, y, 1.5, height);
  }
}
