// The tooltip tells all that is known of one exchange.
class Tooltip {
  constructor(box) {
    this.box = box;
    this.entry = null;
  }

  hide() {
    this.entry = null;
    this.box.hidden = true;
  }

  // show stands beside a point of the window, within it.
  show(entry, x, y) {
    if (entry !== this.entry) {
      this.entry = entry;
      this.box.replaceChildren(element('h3', '', entry.exchange.method + ' ' + entry.exchange.url), facts(entry.exchange), spans(entry.exchange));
    }
    this.box.hidden = false;
    const {offsetWidth: w, offsetHeight: h} = this.box;
    const left = x + 16 + w > innerWidth ? x - 16 - w : x + 16;
    this.box.style.left = Math.max(8, Math.min(left, innerWidth - w - 8)) + 'px';
    this.box.style.top = Math.max(8, Math.min(y + 12, innerHeight - h - 8)) + 'px';
  }
}

function facts(e) {
  const c = e.connection;
  const list = element('dl', '');
  const fact = (name, value) => {
    if (value) list.append(element('dt', '', name), element('dd', '', value));
  };
  fact('Status', e.status ? `${e.status}, ${e.protocol}` : 'no response');
  fact('Error', e.error);
  fact('Connection', c.number ? `${c.number}, exchange ${e.nth} on it` : 'none');
  fact('Addresses', c.local && `${c.local} → ${c.remote}`);
  fact('TLS', c.tls);
  fact('Why', e.reason);
  fact('Tries', e.tries > 1 ? String(e.tries) : '');
  fact('Received', `${formatBytes(e.received.header)} head, ${formatBytes(e.received.body)} body`);
  fact('Sent', `${formatBytes(e.sent.header)} head, ${formatBytes(e.sent.body)} body`);
  fact('Content', [e.kind, e.content_type, e.size ? formatBytes(e.size) : ''].filter(Boolean).join(', '));
  fact('Leads to', e.location);
  fact('Found in', e.found_in);
  return list;
}

function spans(e) {
  const table = element('table', '');
  const row = (className, span) => {
    const swatch = element('i', 'swatch ' + span.phase);
    table.append(element('tr', className,
      element('td', '', swatch, span.phase),
      element('td', '', span.cause === 'unknown' || span.cause === span.phase ? '' : span.cause),
      element('td', '', 'at ' + formatNS(span.start_ns)),
      element('td', '', formatNS(span.end_ns - span.start_ns))));
    if (!span.note) return;
    const note = element('td', '', span.note);
    note.colSpan = 4;
    table.append(element('tr', 'note', note));
  };
  for (const span of e.spans) {
    row('', span);
    for (const attempt of span.attempts ?? []) row('attempt', attempt);
  }
  return table;
}
