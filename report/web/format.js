'use strict';

// How numbers and names are written. As in the terminal: three digits and a unit.

function digits(f) {
  return f < 9.995 ? f.toFixed(2) : f < 99.95 ? f.toFixed(1) : f.toFixed(0);
}

function formatTime(ms) {
  return ms < 999.5 ? digits(ms) + ' ms' : digits(ms / 1000) + ' s';
}

function formatNS(ns) {
  return formatTime(ns / 1e6);
}

function formatBytes(n) {
  if (n < 1000) return n + ' B';
  for (const unit of ['kB', 'MB', 'GB', 'TB']) {
    n /= 1000;
    if (n < 999.5) return digits(n) + ' ' + unit;
  }
  return digits(n / 1000) + ' PB';
}

// shortName leaves out the origin of the page.
function shortName(url, page) {
  try {
    const u = new URL(url), base = new URL(page);
    const rest = url.slice(url.indexOf(u.host) + u.host.length) || '/';
    if (u.origin === base.origin) return rest;
    if (u.host !== base.host) return '//' + u.host + rest;
  } catch {
    // not a URL that browsers know: show it as it is
  }
  return url;
}

// printable shows control characters, and marks that turn the writing direction,
// by their number.
function printable(text) {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, c => '\\u' + c.codePointAt(0).toString(16).padStart(4, '0'));
}

// element makes an element. Text is text: no markup of a server's gets in.
function element(name, className, ...children) {
  const e = document.createElement(name);
  if (className) e.className = className;
  e.append(...children.map(child => typeof child === 'string' ? printable(child) : child));
  return e;
}
