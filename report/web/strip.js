// A Strip is a small waterfall without labels, one of several on one view.
class Strip {
  constructor(parent, chart, data, view, tooltip) {
    Object.assign(this, {data, view, tooltip});
    this.entries = entriesOf(chart);
    this.row = Math.max(1, Math.min(6, 260 / this.entries.length));
    const end = Math.max(0, ...this.entries.map(entry => entry.start + entry.length));
    const connections = new Set(this.entries.map(({exchange: {connection: c}}) => c.number)).size;
    const summary = `${formatTime(end)}, connections: ${connections}`;
    this.axis = element('div', 'axis');
    this.canvas = element('canvas', '');
    this.plot = element('div', 'plot', this.canvas);
    this.plot.style.height = Math.max(this.entries.length * this.row, 40) + 'px';
    this.plot.tabIndex = 0;
    this.plot.setAttribute('role', 'img');
    this.plot.setAttribute('aria-label', `Waterfall of ${chart.name}: ${this.entries.length} exchanges`);
    parent.append(element('section', 'strip', element('h3', '', chart.name, ' ', element('small', '', summary)), element('div', 'frame', this.axis, this.plot)));
    this.listen();
  }

  listen() {
    this.view.listeners.push(() => this.draw());
    navigate(this.axis, this.axis, this.view, true);
    navigate(this.plot, this.plot, this.view, false);
    this.plot.addEventListener('keydown', event => zoomKeys(event, this.view));
    this.plot.addEventListener('pointerleave', () => this.tooltip.hide());
    this.plot.addEventListener('pointermove', event => this.hover(event));
    new ResizeObserver(() => this.draw()).observe(this.plot);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.draw());
  }

  hover(event) {
    const y = event.clientY - this.plot.getBoundingClientRect().top;
    const entry = event.buttons === 0 && this.entries[Math.floor(y / this.row)];
    if (entry) this.tooltip.show(entry, event.clientX, event.clientY);
    else this.tooltip.hide();
  }

  draw() {
    this.pending ??= requestAnimationFrame(() => {
      this.pending = null;
      drawAxis(this.axis, this.view, []);
      const {clientWidth: width, clientHeight: height} = this.plot;
      const palette = colors(this.data.phases), context = fit(this.canvas, width, height);
      drawGrid(context, this.view, width, height, [], palette);
      const bar = this.row > 3 ? this.row - 1 : this.row;
      this.entries.forEach((entry, i) => drawBar(context, this.view, width, entry, entry.start, i * this.row, bar, palette));
    });
  }
}
