package http1

import "net/textproto"

// canonicalName returns the name as net/textproto.CanonicalMIMEHeaderKey writes
// it. It is for tokens whose case is wrong: names in the canonical case are
// sliced from the head without a copy.
func canonicalName(name string) string {
	var buf [48]byte
	if len(name) > len(buf) {
		return textproto.CanonicalMIMEHeaderKey(name)
	}
	begin := true
	for i := range len(name) {
		c := lower(name[i])
		if begin && 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		buf[i] = c
		begin = c == '-'
	}
	if known := commonNames[string(buf[:len(name)])]; known != "" {
		return known
	}
	return string(buf[:len(name)])
}

// commonNames interns the names of fields that are often seen, so that a server
// that writes them in lower case costs no allocation.
var commonNames = internNames(
	"Accept", "Accept-Charset", "Accept-Encoding", "Accept-Language", "Accept-Ranges",
	"Access-Control-Allow-Credentials", "Access-Control-Allow-Headers",
	"Access-Control-Allow-Methods", "Access-Control-Allow-Origin",
	"Access-Control-Expose-Headers", "Access-Control-Max-Age",
	"Age", "Allow", "Alt-Svc", "Authorization", "Cache-Control", "Cf-Cache-Status", "Cf-Ray",
	"Connection", "Content-Disposition", "Content-Encoding", "Content-Language",
	"Content-Length", "Content-Location", "Content-Range", "Content-Security-Policy",
	"Content-Type", "Cookie", "Cross-Origin-Resource-Policy", "Date", "Etag", "Expect", "Expires",
	"Forwarded", "From", "Host", "If-Match", "If-Modified-Since", "If-None-Match", "If-Range",
	"If-Unmodified-Since", "Keep-Alive", "Last-Modified", "Link", "Location", "Nel", "Origin",
	"P3p", "Permissions-Policy", "Pragma", "Priority", "Proxy-Authenticate",
	"Proxy-Authorization", "Proxy-Connection", "Range", "Referer", "Referrer-Policy",
	"Report-To", "Retry-After", "Sec-Fetch-Dest", "Sec-Fetch-Mode", "Sec-Fetch-Site", "Server",
	"Server-Timing", "Set-Cookie", "Strict-Transport-Security", "Te", "Timing-Allow-Origin",
	"Traceparent", "Trailer", "Transfer-Encoding", "Upgrade", "Upgrade-Insecure-Requests",
	"User-Agent", "Vary", "Via", "Www-Authenticate", "X-Amz-Cf-Id", "X-Cache",
	"X-Content-Type-Options", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto",
	"X-Frame-Options", "X-Powered-By", "X-Request-Id", "X-Served-By", "X-Timer",
	"X-Xss-Protection",
)

func internNames(names ...string) map[string]string {
	m := make(map[string]string, len(names))
	for _, name := range names {
		m[name] = name
	}
	return m
}
