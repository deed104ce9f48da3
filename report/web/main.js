// What the document holds decides what is drawn: one waterfall, or several
// strips side by side.

const data = JSON.parse(document.getElementById('data').textContent);
const view = new View(data.length_ms);
const tooltip = new Tooltip(document.getElementById('tooltip'));
zoomButtons(view);

const root = document.getElementById('waterfall');
if (root) {
  const waterfall = new Waterfall(root, data.charts[0], data, view, tooltip);
  const sort = document.getElementById('sort');
  sort.querySelector('select').addEventListener('change', event => {
    waterfall.order = event.target.value;
    waterfall.arrange();
  });
  const buttons = document.querySelectorAll('[data-view]');
  for (const button of buttons) {
    button.addEventListener('click', () => {
      for (const other of buttons) other.setAttribute('aria-pressed', String(other === button));
      waterfall.mode = button.dataset.view;
      sort.hidden = waterfall.mode !== 'rows';
      waterfall.arrange();
    });
  }
}

const strips = document.getElementById('strips');
if (strips) {
  for (const chart of data.charts) new Strip(strips, chart, data, view, tooltip);
}
