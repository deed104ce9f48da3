package exchange

import (
	"bufio"
	"bytes"
	"net/http"
	"net/textproto"
	"strings"

	"github.com/lingerhttp/linger/flow"
	"github.com/lingerhttp/linger/internal/http1"
)

// readRequest reads a head that is there. What the parser does not take is read as
// well as it goes, and the message says what is wrong: who only watches cannot refuse.
func (h *half) readRequest() (http1.Framing, error) {
	r, err := http1.ParseRequest(h.head)
	if err != nil {
		h.part.trouble = err.Error()
		r = looseRequest(h.head)
	}
	h.part.ask(r)
	return http1.RequestFraming(&r)
}

// readResponse reads a head that is there. An interim response ends with it; of
// another, it says how the body ends, and whether that is a guess, because the
// request is not known.
func (h *half) readResponse() (f http1.Framing, guess bool, err error) {
	p := h.part
	r, err := http1.ParseResponse(h.head)
	if err != nil {
		p.trouble = err.Error()
		r = looseResponse(h.head)
	}
	if r.Status/100 == 1 && r.Status != http.StatusSwitchingProtocols {
		h.interim()
		return f, false, nil
	}
	p.reply(r)
	p.answer.interim, h.interims = h.interims, nil
	method, known := h.owner.responseBegins(p)
	if method == "" {
		method = http.MethodGet
	}
	f, err = http1.ResponseFraming(method, &r)
	return f, !known, err
}

// maxInterim is how many interim responses of one exchange are told.
const maxInterim = 64

// interim ends an interim response. What was lost before it was lost before the final
// one.
func (h *half) interim() {
	p := h.part
	p.Complete = true
	if len(h.interims) < maxInterim {
		h.interims = append(h.interims, p.Message)
	}
	h.state, h.part = between, nil
	h.lost, h.broken = p.before, p.answer.behind
}

// readPartOfHead reads what there is of a head whose end is not in the capture.
func (h *half) readPartOfHead() {
	i := bytes.LastIndexByte(h.head, '\n')
	if i < 0 {
		return
	}
	head := append(bytes.Clone(h.head[:i+1]), "\r\n"...)
	if h.d == flow.Up {
		if r := looseRequest(head); r.Method != "" {
			h.part.ask(r)
		}
		return
	}
	if r := looseResponse(head); r.Status != 0 {
		h.part.reply(r)
	}
}

func (p *part) ask(r http1.Request) {
	p.proto = r.Proto()
	p.asked = asked{method: r.Method, target: r.Target, wants: wantsOf(r)}
	if host := r.Header["Host"]; len(host) > 0 {
		p.asked.host = host[0]
	}
	p.asked.upgrades = r.Header.Get("Upgrade") != "" && http1.HasToken(r.Header["Connection"], "upgrade")
}

func (p *part) reply(r http1.Response) {
	p.proto, p.answer.status, p.answer.header = r.Proto(), r.Status, r.Header
	p.answer.closes = http1.CloseReason(r.Minor, r.Header) != ""
}

// looseRequest reads a request head that is not as it should be.
func looseRequest(head []byte) http1.Request {
	line, fields := cutLine(head)
	r := http1.Request{Major: 1, Header: looseFields(fields)}
	words := strings.Fields(line)
	if len(words) > 0 {
		r.Method = words[0]
	}
	if len(words) > 1 {
		r.Target = words[1]
	}
	if n := len(words); n > 2 && words[n-1] == "HTTP/1.1" {
		r.Minor = 1
	}
	return r
}

// looseResponse reads a response head that is not as it should be.
func looseResponse(head []byte) http1.Response {
	line, fields := cutLine(head)
	r := http1.Response{Major: 1, Header: looseFields(fields)}
	if ok, sure := plausibleResponse([]byte(line)); !ok || !sure {
		return r
	}
	r.Minor = int(line[7] - '0')
	r.Status = int(line[9]-'0')*100 + int(line[10]-'0')*10 + int(line[11]-'0')
	return r
}

func cutLine(head []byte) (line string, fields []byte) {
	first, fields, _ := bytes.Cut(head, []byte("\n"))
	return strings.TrimSuffix(string(first), "\r"), fields
}

// looseFields returns the fields up to the first line that is none.
func looseFields(b []byte) http.Header {
	fields, _ := textproto.NewReader(bufio.NewReader(bytes.NewReader(b))).ReadMIMEHeader()
	if fields == nil {
		return http.Header{}
	}
	return http.Header(fields)
}
