package main

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/lingerhttp/linger/packet"
)

// An interfaceChoice takes the packets of one interface for each connection: a
// capture on several, as that of the lab's two ends is, holds packets more than once.
type interfaceChoice struct {
	want string // of --interface; empty: the first that has the connection
	met  bool   // packets of it were there

	of    map[endpoints]int // for captures of several interfaces
	left  []int             // packets that were left out, by interface
	taken []int             // packets that were taken
	known []packet.Interface
}

// endpoints names a connection, whoever sent the packet.
type endpoints struct {
	low, high netip.AddrPort
	protocol  uint8
}

func endpointsOf(p *packet.Packet) endpoints {
	a, b := p.Src, p.Dst
	if a.Compare(b) > 0 {
		a, b = b, a
	}
	return endpoints{a, b, p.Protocol}
}

// mostEndpoints bounds the memory for connections: beyond it they are met anew.
const mostEndpoints = 400_000

// takes decides on a packet, known being the interfaces so far.
func (c *interfaceChoice) takes(p *packet.Packet, known []packet.Interface) bool {
	if c.want != "" {
		is := p.Interface < len(known) && known[p.Interface].Name == c.want
		c.met = c.met || is
		return is
	}
	if len(known) < 2 {
		return true
	}
	for len(c.left) < len(known) {
		c.left, c.taken = append(c.left, 0), append(c.taken, 0)
	}
	if c.of == nil || len(c.of) > mostEndpoints {
		c.of = make(map[endpoints]int)
	}
	key := endpointsOf(p)
	first, met := c.of[key]
	if !met {
		c.of[key], first = p.Interface, p.Interface
	}
	if first != p.Interface {
		c.left[p.Interface]++
		return false
	}
	c.taken[p.Interface]++
	return true
}

// notes say what was left out.
func (c *interfaceChoice) notes() []string {
	var all []string
	for i, n := range c.left {
		if n == 0 {
			continue
		}
		was := "s were"
		if n == 1 {
			was = " was"
		}
		all = append(all, fmt.Sprintf("%d packet%s left out: they were captured on %s, of connections that were seen first on %s; --interface NAME chooses",
			n, was, c.name(i), c.others(i)))
	}
	return all
}

// others names the interfaces of which packets were taken.
func (c *interfaceChoice) others(but int) string {
	var names []string
	for i, n := range c.taken {
		if n > 0 && (i != but || len(c.taken) == 1) {
			names = append(names, c.name(i))
		}
	}
	return strings.Join(names, ", ")
}

func (c *interfaceChoice) name(i int) string {
	if i < len(c.known) && c.known[i].Name != "" {
		return fmt.Sprintf("%q", c.known[i].Name)
	}
	return fmt.Sprintf("interface %d", i+1)
}

// hint names the interfaces there are.
func (c *interfaceChoice) hint() string {
	var names []string
	for i := range c.known {
		if name := c.name(i); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "there is " + strings.Join(names, ", ")
}
