// The waterfall of one page: a row for each exchange, or a lane for each
// connection. Only what can be seen is in the document.

const ROW = 22, LANE = 26, BAR = 12, TRACK = 15;

const ORDERS = {
  start: (a, b) => a.start - b.start,
  connection: (a, b) => (a.exchange.connection.number || Infinity) - (b.exchange.connection.number || Infinity) || a.begin - b.begin,
  duration: (a, b) => b.length - a.length,
  bytes: (a, b) => total(b.exchange.received) - total(a.exchange.received),
};

function total(bytes) {
  return bytes.header + bytes.body;
}

// entriesOf places a chart's exchanges on the axis. begin is when the exchange
// got its connection: in a lane, what came before is not its connection's.
function entriesOf(chart) {
  return chart.exchanges.map((exchange, i) => {
    const start = chart.offsets_ms[i], queues = exchange.spans.filter(s => s.phase === 'queue');
    const first = exchange.spans.find(s => s.phase !== 'queue')?.start_ns ?? exchange.duration_ns;
    const began = exchange.tries > 1 && queues.length > 0 ? queues.at(-1).end_ns : first;
    return {exchange, start, length: exchange.duration_ns / 1e6, begin: start + began / 1e6};
  });
}

class Waterfall {
  constructor(root, chart, data, view, tooltip) {
    Object.assign(this, {data, view, tooltip, moments: chart.moments});
    this.entries = entriesOf(chart);
    this.axis = root.querySelector('.axis');
    this.rows = root.querySelector('.rows');
    this.canvas = root.querySelector('canvas');
    this.itemsBox = root.querySelector('.items');
    this.columns = root.querySelector('.columns');
    this.mode = 'rows';
    this.order = 'start';
    this.selected = null;
    this.listen();
    this.arrange();
  }

  listen() {
    this.view.listeners.push(() => this.draw());
    this.rows.addEventListener('scroll', () => { this.tooltip.hide(); this.draw(); });
    this.rows.addEventListener('pointermove', event => this.hover(event));
    this.rows.addEventListener('pointerleave', () => this.tooltip.hide());
    this.rows.addEventListener('keydown', event => this.key(event));
    this.rows.addEventListener('blur', () => { this.select(null); });
    new ResizeObserver(() => this.draw()).observe(this.rows);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.draw());
    navigate(this.axis, this.axis, this.view, true);
    navigate(this.rows, this.axis, this.view, false);
  }

  // arrange makes the items: each has its place, and bars within it.
  arrange() {
    this.columns.replaceChildren(this.mode === 'rows'
      ? cells('', '#', 'on', '', 'URL', 'bytes', 'time') : element('div', 'cells', 'connection'));
    this.items = this.mode === 'rows' ? rowsOf(this.entries, this.order) : lanesOf(this.entries);
    let y = 0;
    for (const item of this.items) {
      item.y = y;
      y += item.height;
    }
    this.height = y;
    this.itemsBox.style.height = y + 'px';
    this.rows.scrollTop = 0;
    this.draw();
  }

  // draw waits for the next frame, so that many changes cost one drawing.
  draw() {
    this.pending ??= requestAnimationFrame(() => {
      this.pending = null;
      this.paint();
    });
  }

  paint() {
    drawAxis(this.axis, this.view, this.moments);
    const top = this.rows.scrollTop, width = this.axis.clientWidth;
    const height = Math.min(this.height, innerHeight * 0.74);
    this.rows.style.height = height + 'px';
    this.canvas.style.height = height + 'px';
    const palette = colors(this.data.phases), context = fit(this.canvas, width, height);
    drawGrid(context, this.view, width, height, this.moments, palette);
    const seen = this.items.slice(this.indexAt(top), this.indexAt(top + height) + 1);
    for (const item of seen) {
      for (const {entry, y, since} of item.bars) {
        const at = item.y + y - top;
        if (at + BAR >= 0 && at <= height) drawBar(context, this.view, width, entry, since, at, BAR, palette);
      }
    }
    this.itemsBox.replaceChildren(...seen.map(item => this.elementOf(item)));
  }

  elementOf(item) {
    item.element ??= item.label(this.data.url);
    item.element.style.top = item.y + 'px';
    item.element.style.height = item.height + 'px';
    item.element.classList.toggle('selected', item.bars.some(bar => bar.entry === this.selected));
    return item.element;
  }

  // indexAt is the item at a height, by halving.
  indexAt(y) {
    let low = 0, high = this.items.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.items[middle].y <= y) low = middle;
      else high = middle - 1;
    }
    return Math.max(low, 0);
  }

  // entryAt is the exchange under a point: that of the row, or the bar of a lane.
  entryAt(event) {
    const y = event.clientY - this.rows.getBoundingClientRect().top + this.rows.scrollTop;
    const item = this.items[this.indexAt(y)];
    if (!item || y >= item.y + item.height) return null;
    if (this.mode === 'rows') return item.bars[0].entry;
    const box = this.axis.getBoundingClientRect(), slack = 3 * (this.view.to - this.view.from) / box.width;
    const time = this.view.time(event.clientX - box.left, box.width);
    return item.bars.find(bar => y >= item.y + bar.y - 2 && y <= item.y + bar.y + BAR + 2
      && time >= bar.since - slack && time <= bar.entry.start + bar.entry.length + slack)?.entry ?? null;
  }

  hover(event) {
    const entry = event.buttons === 0 && this.entryAt(event);
    if (entry) this.tooltip.show(entry, event.clientX, event.clientY);
    else this.tooltip.hide();
  }

  key(event) {
    const step = {ArrowDown: 1, ArrowUp: -1, PageDown: 20, PageUp: -20, Home: -Infinity, End: Infinity}[event.key];
    if (step) {
      event.preventDefault();
      const all = this.items.flatMap(item => item.bars.map(bar => bar.entry));
      const at = Math.min(Math.max(all.indexOf(this.selected) + step, 0), all.length - 1);
      this.select(all[at] ?? null);
    } else if (event.key === 'Escape') {
      this.select(null);
    } else {
      zoomKeys(event, this.view);
    }
  }

  // select shows an exchange that the keyboard came to.
  select(entry) {
    this.selected = entry;
    this.draw();
    if (!entry) return this.tooltip.hide();
    const item = this.items.find(item => item.bars.some(bar => bar.entry === entry));
    const top = item.y + item.bars.find(bar => bar.entry === entry).y;
    const height = this.rows.clientHeight;
    if (top < this.rows.scrollTop || top + ROW > this.rows.scrollTop + height) this.rows.scrollTop = top - height / 2;
    requestAnimationFrame(() => {
      const box = this.axis.getBoundingClientRect(), rows = this.rows.getBoundingClientRect();
      const x = Math.min(Math.max(this.view.x(entry.begin, box.width), 0), box.width);
      this.tooltip.show(entry, box.left + x, rows.top + top - this.rows.scrollTop + BAR);
    });
  }
}

function cells(mark, number, conn, status, name, bytes, time) {
  return element('div', 'cells', element('span', 'c-mark', mark), element('span', 'c-number', number), element('span', 'c-conn', conn),
    element('span', 'c-status', status), nameCell(name), element('span', 'c-bytes', bytes), element('span', 'c-time', time));
}

// nameCell lets a name shrink in its middle: its end tells most.
function nameCell(name) {
  const cut = Math.max(name.length - 10, 0);
  return element('span', 'c-name', element('span', '', name.slice(0, cut)), element('span', '', name.slice(cut)));
}

function rowsOf(entries, order) {
  return entries.toSorted(ORDERS[order]).map(entry => ({
    height: ROW,
    bars: [{entry, y: (ROW - BAR) / 2, since: entry.start}],
    label: page => {
      const e = entry.exchange;
      const mark = e.error ? '✗' : e.tries > 1 ? '↻' : '';
      return element('div', e.error ? 'row failed' : 'row', cells(mark, String(e.number), e.connection.number ? String(e.connection.number) : '–',
        e.status ? String(e.status) : '–', shortName(e.url, page), formatBytes(total(e.received)), formatTime(entry.length)));
    },
  }));
}

// lanesOf puts the exchanges of a connection on as few tracks as keep those that
// overlap, as pipelined and multiplexed ones do, apart.
function lanesOf(entries) {
  const lanes = Map.groupBy(entries.toSorted(ORDERS.connection), ({exchange: {connection: c}}) => [c.number, c.local, c.remote].join(' '));
  return [...lanes.values()].map(carried => {
    const ends = [];
    const bars = carried.map(entry => {
      let track = ends.findIndex(end => end <= entry.begin + 1e-6);
      if (track < 0) track = ends.length;
      ends[track] = entry.start + entry.length;
      return {entry, y: (LANE - BAR) / 2 + track * TRACK, since: entry.begin};
    });
    return {height: LANE + (ends.length - 1) * TRACK, bars, label: () => laneLabel(carried)};
  });
}

function laneLabel(carried) {
  const c = carried[0].exchange.connection;
  const name = c.number ? `${c.local} → ${c.remote}` : 'no connection';
  const bytes = carried.reduce((sum, entry) => sum + total(entry.exchange.received), 0);
  const lane = element('div', c.number ? 'lane' : 'lane none', element('div', 'cells',
    element('span', 'c-mark', ''), element('span', 'c-number', c.number ? String(c.number) : '–'), nameCell(name),
    element('span', 'c-bytes', formatBytes(bytes)), element('span', 'c-time', '× ' + carried.length)));
  lane.title = c.tls ? `${name}, ${c.tls}` : name;
  return lane;
}
