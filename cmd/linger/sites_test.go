package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"hash"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/lingerhttp/linger"
	"github.com/lingerhttp/linger/origin"
	"github.com/lingerhttp/linger/page"
)

// A digest is the hash of a body, as a page's sink.
type digest struct{ hash.Hash }

func (digest) Close() error { return nil }

// fetched loads a page under a strategy and returns the hash of each object's
// content by URL. Everything that fails, and every timeline that does not add up,
// fails the test.
func fetched(t *testing.T, s linger.Strategy, cfg *tls.Config, url string) map[string][32]byte {
	t.Helper()
	tr := &linger.Transport{Strategy: s, TLSClientConfig: cfg}
	defer tr.Close()
	var mu sync.Mutex
	sums := make(map[string]hash.Hash)
	p, err := page.Load(context.Background(), tr, url, page.Options{
		Sink: func(o *page.Object) (io.WriteCloser, error) {
			mu.Lock()
			defer mu.Unlock()
			sums[o.URL] = sha256.New()
			return digest{sums[o.URL]}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range p.Objects {
		if o.Err != nil || o.Status != 200 {
			t.Errorf("%s: status %d, %v", o.URL, o.Status, o.Err)
		}
	}
	for _, e := range p.Exchanges() {
		if err := e.Check(); err != nil {
			t.Error(err)
		}
	}
	found := make(map[string][32]byte)
	for u, h := range sums {
		found[u] = [32]byte(h.Sum(nil))
	}
	return found
}

// wantBytes holds what was fetched against what was served, byte for byte.
func wantBytes(t *testing.T, got map[string][32]byte, objects []origin.Object, urlOf func(origin.Object) string) {
	t.Helper()
	for _, o := range objects {
		b, err := o.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		sum, ok := got[urlOf(o)]
		switch {
		case !ok:
			t.Errorf("%s was not fetched", urlOf(o))
		case sum != sha256.Sum256(b):
			t.Errorf("%s came with other bytes", urlOf(o))
		}
	}
	if len(got) != len(objects) {
		t.Errorf("%d objects fetched, %d served", len(got), len(objects))
	}
}

func TestEveryStrategyFetchesBothSites(t *testing.T) {
	for _, site := range []*origin.Site{origin.Classic(), origin.Modern()} {
		for _, secure := range []bool{false, true} {
			srv, err := origin.Start(origin.Config{Site: site, TLS: secure})
			if err != nil {
				t.Fatal(err)
			}
			defer srv.Close()
			var cfg *tls.Config
			if secure {
				cfg = &tls.Config{RootCAs: srv.CertPool()}
			}
			for _, s := range linger.Strategies() {
				t.Run(fmt.Sprintf("%s %s tls=%t", site.Name, s.Name, secure), func(t *testing.T) {
					wantBytes(t, fetched(t, s, cfg, srv.URL()), srv.Objects(), srv.URLOf)
				})
			}
		}
	}
}

func TestFiveThousandObjects(t *testing.T) {
	srv, err := origin.Start(origin.Config{Site: origin.Many(4999)})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	for _, s := range linger.Strategies() {
		t.Run(s.Name, func(t *testing.T) {
			if got := len(fetched(t, s, nil, srv.URL())); got != 5000 {
				t.Errorf("%d objects", got)
			}
		})
	}
}

// TestConstantMemory passes a body through that is far larger than the memory it
// may take.
func TestConstantMemory(t *testing.T) {
	const size, bound = 2 << 30, 64 << 20
	srv, err := origin.Start(origin.Config{Site: origin.Big(size)})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	cmd := exec.Command("linger", "get", srv.URL()) // this test binary, by way of testscript.Main
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	peak := watchPeak(cmd)
	if err := cmd.Wait(); err != nil || !strings.Contains(out.String(), "2.15 GB") {
		t.Fatalf("%v\n%s", err, out.String())
	}
	got := <-peak
	if got == 0 {
		t.Skip("no /proc on this system tells a process's peak memory")
	}
	if got > bound && !raceDetector {
		t.Errorf("peak memory %d MiB, want at most %d", got>>20, bound>>20)
	}
}

// TestNginx fetches both sites from nginx, a server of which linger knows nothing.
func TestNginx(t *testing.T) {
	program, err := exec.LookPath("nginx")
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/nginx"); err != nil {
			t.Skip("no nginx in PATH: apt-get install nginx")
		}
	}
	for _, site := range []*origin.Site{origin.Classic(), origin.Modern()} {
		for _, s := range linger.Strategies() {
			t.Run(site.Name+" "+s.Name, func(t *testing.T) {
				first, second := startNginx(t, program, site, s.Protocol == linger.HTTP2)
				objects, err := site.Objects(second)
				if err != nil {
					t.Fatal(err)
				}
				urlOf := func(o origin.Object) string { return []string{first, second}[o.Origin] + o.Path }
				wantBytes(t, fetched(t, s, nil, first+"/"), objects, urlOf)
			})
		}
	}
}

// startNginx serves a site from files on two ports, in HTTP/1.1 or in HTTP/2
// with prior knowledge: this nginx cannot do both on one port in clear.
func startNginx(t *testing.T, program string, site *origin.Site, http2 bool) (first, second string) {
	t.Helper()
	dir := t.TempDir()
	ports := freePorts(t, 2)
	first, second = "http://127.0.0.1:"+ports[0], "http://127.0.0.1:"+ports[1]
	if err := site.WriteTo(filepath.Join(dir, "site"), second); err != nil {
		t.Fatal(err)
	}
	// A server started by root drops to another user, who must be able to read.
	if out, err := exec.Command("chmod", "-R", "a+rX", dir, filepath.Dir(dir)).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	option := ""
	if http2 {
		option = " http2"
	}
	conf := fmt.Sprintf(`daemon off; master_process off; pid %[1]s/pid; error_log stderr warn;
events { worker_connections 1024; }
http {
  access_log off; include /etc/nginx/mime.types; types { text/javascript mjs; }
  client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/fastcgi;
  uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
  keepalive_requests 1000; root %[1]s/site;
  server { listen 127.0.0.1:%[2]s%[4]s; } server { listen 127.0.0.1:%[3]s%[4]s; }
}`, dir, ports[0], ports[1], option)
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-p", dir, "-c", file, "-e", "stderr")
	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	for _, port := range ports {
		waitForPort(t, port)
	}
	return first, second
}

// freePorts returns ports that nobody listened on a moment ago.
func freePorts(t *testing.T, n int) []string {
	t.Helper()
	var ports []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports = append(ports, l.Addr().String()[strings.LastIndexByte(l.Addr().String(), ':')+1:])
	}
	return ports
}
