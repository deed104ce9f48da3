// Package origin is the server side to try a client on: demo sites, and delays
// and faults to order, over net/http's server.
//
//	srv, err := origin.Start(origin.Config{Site: origin.Classic()})
//	if err != nil {
//		return err
//	}
//	defer srv.Close()
//	resp, err := http.Get(srv.URL())
//
// A [Site] is a list of objects, each a path, a content type and bytes. The
// generated ones are the same bytes in every run. A [Server] serves a site from
// one or two origins (a page of today has its images elsewhere than its
// document) over HTTP/1.1, HTTP/2 over TLS, and HTTP/2 in clear. [Faults] make
// it slow, old, stingy or broken, in ways that clients meet in the world and
// that net/http's server would never show by itself.
//
// The way of a request:
//
//	gate.Accept     limits connections: admits, refuses or resets them
//	net/http        reads the request
//	Server.ServeHTTP asks Faults.plan what shall happen to this exchange
//	answer          paces, reframes and cuts what is written
//	Object          gives the bytes
package origin
