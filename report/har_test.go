package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net/netip"
	"testing"
	"time"
)

// harChecker collects where a document departs from HAR 1.2.
type harChecker struct{ faults []string }

func (c *harChecker) fault(format string, args ...any) {
	c.faults = append(c.faults, fmt.Sprintf(format, args...))
}

// object returns the object in a field, which must have the required fields,
// each of the given type: s(tring), n(umber), a(rray), o(bject), t(ime).
func (c *harChecker) object(where string, v any, required map[string]string) map[string]any {
	o, ok := v.(map[string]any)
	if !ok {
		c.fault("%s: %T is no object", where, v)
		return map[string]any{}
	}
	for name, kind := range required {
		got := "missing"
		switch v := o[name].(type) {
		case string:
			got = "s"
			if _, err := time.Parse("2006-01-02T15:04:05.999999999Z07:00", v); kind == "t" && err == nil {
				got = "t"
			}
		case float64:
			got = "n"
		case []any:
			got = "a"
		case map[string]any:
			got = "o"
		}
		if got != kind {
			c.fault("%s.%s: is %s, not %s", where, name, got, kind)
		}
	}
	return o
}

func (c *harChecker) pairs(where string, v any) {
	list, _ := v.([]any)
	for i, pair := range list {
		c.object(fmt.Sprintf("%s[%d]", where, i), pair, map[string]string{"name": "s", "value": "s"})
	}
}

// message checks what request and response share.
func (c *harChecker) message(where string, v any, required map[string]string) map[string]any {
	for name, kind := range map[string]string{"httpVersion": "s", "cookies": "a", "headers": "a", "headersSize": "n", "bodySize": "n"} {
		required[name] = kind
	}
	m := c.object(where, v, required)
	c.pairs(where+".headers", m["headers"])
	c.pairs(where+".cookies", m["cookies"])
	return m
}

func (c *harChecker) entry(where string, v any, pages map[string]bool) {
	e := c.object(where, v, map[string]string{"startedDateTime": "t", "time": "n", "request": "o", "response": "o", "cache": "o", "timings": "o"})
	if ref, ok := e["pageref"].(string); ok && !pages[ref] {
		c.fault("%s: no page is called %q", where, ref)
	}
	if ip, ok := e["serverIPAddress"].(string); ok {
		if _, err := netip.ParseAddr(ip); err != nil {
			c.fault("%s: %v", where, err)
		}
	}
	request := c.message(where+".request", e["request"], map[string]string{"method": "s", "url": "s", "queryString": "a"})
	c.pairs(where+".queryString", request["queryString"])
	response := c.message(where+".response", e["response"], map[string]string{"status": "n", "statusText": "s", "content": "o", "redirectURL": "s"})
	c.object(where+".content", response["content"], map[string]string{"size": "n", "mimeType": "s"})
	timings := c.object(where+".timings", e["timings"], map[string]string{"send": "n", "wait": "n", "receive": "n"})
	var sum float64
	for _, name := range []string{"blocked", "dns", "connect", "send", "wait", "receive"} {
		if v, ok := timings[name].(float64); ok && v >= 0 {
			sum += v
		} else if ok && v != -1 {
			c.fault("%s.timings.%s is %v", where, name, v)
		}
	}
	if total, _ := e["time"].(float64); math.Abs(total-sum) > 1e-6 {
		c.fault("%s: the timings sum to %v, the time is %v", where, sum, total)
	}
	ssl, _ := timings["ssl"].(float64)
	if connect, _ := timings["connect"].(float64); ssl > connect {
		c.fault("%s: ssl takes %v, connect, which includes it, %v", where, ssl, connect)
	}
}

func checkHAR(t *testing.T, document []byte) []any {
	t.Helper()
	var c harChecker
	var v any
	if err := json.Unmarshal(document, &v); err != nil {
		t.Fatal(err)
	}
	root := c.object("", v, map[string]string{"log": "o"})
	log := c.object("log", root["log"], map[string]string{"version": "s", "creator": "o", "entries": "a"})
	c.object("log.creator", log["creator"], map[string]string{"name": "s", "version": "s"})
	pages := make(map[string]bool)
	list, _ := log["pages"].([]any)
	for i, v := range list {
		page := c.object(fmt.Sprintf("pages[%d]", i), v, map[string]string{"startedDateTime": "t", "id": "s", "title": "s", "pageTimings": "o"})
		id, _ := page["id"].(string)
		pages[id] = true
	}
	entries, _ := log["entries"].([]any)
	for i, v := range entries {
		c.entry(fmt.Sprintf("entries[%d]", i), v, pages)
	}
	for _, fault := range c.faults {
		t.Error(fault)
	}
	return entries
}

func TestHAR(t *testing.T) {
	for name, p := range map[string]*Page{"sample": samplePage(t), "empty": {}, "big": bigPage(100)} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := p.WriteHAR(&b); err != nil {
				t.Fatal(err)
			}
			entries := checkHAR(t, b.Bytes())
			if len(entries) != len(p.Entries) {
				t.Fatalf("%d entries, want %d", len(entries), len(p.Entries))
			}
			for i, e := range entries {
				took := e.(map[string]any)["time"].(float64)
				if want := ms(p.Entries[i].Duration); math.Abs(took-want) > 1e-6 {
					t.Errorf("entry %d takes %v ms, the exchange %v", i, took, want)
				}
			}
		})
	}
}

func TestHARGolden(t *testing.T) { golden(t, "page.har", samplePage(t).WriteHAR) }

func TestHARQuery(t *testing.T) {
	got := fmt.Sprint(harQuery("http://a/?b=1&a=x%20y+z&&flag&bad=%zz&b=2#frag"))
	if want := "[{b 1} {a x y z} {flag } {bad %zz} {b 2}]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
