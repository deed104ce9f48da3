package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"
)

// An echo server, many connections at once, and which of numbered datagrams are
// lost. All keep to IPv4.

const (
	message   = 100 // bytes of an exchange
	exchanges = 5   // of each connection
	patience  = 30 * time.Second
)

// serveEcho answers on an address: each TCP connection with what it says, each
// datagram, which holds a number, with as many numbered ones.
func serveEcho(addr string) error {
	packets, err := net.ListenPacket("udp4", addr)
	if err != nil {
		return err
	}
	go serveNumbers(packets)
	l, err := net.Listen("tcp4", addr)
	if err != nil {
		return err
	}
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go echo(c)
	}
}

func echo(c net.Conn) {
	defer c.Close()
	_, _ = io.Copy(c, c)
}

// serveNumbers sends 10 datagrams a millisecond, so that no socket's buffer
// overflows.
func serveNumbers(p net.PacketConn) {
	buf := make([]byte, 64)
	for {
		n, from, err := p.ReadFrom(buf)
		if err != nil {
			return
		}
		count, _ := strconv.Atoi(string(buf[:n]))
		for i := range count {
			if _, err := p.WriteTo([]byte(strconv.Itoa(i+1)), from); err != nil {
				return
			}
			if i%10 == 9 {
				time.Sleep(time.Millisecond)
			}
		}
	}
}

// lostOf prints which of count numbered datagrams from a server do not come.
func lostOf(out io.Writer, count int, addr string) error {
	c, err := net.Dial("udp4", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.Write([]byte(strconv.Itoa(count))); err != nil {
		return err
	}
	came := make([]bool, count+1)
	buf := make([]byte, 64)
	for {
		_ = c.SetReadDeadline(time.Now().Add(time.Second))
		n, err := c.Read(buf)
		if err != nil {
			break
		}
		if i, err := strconv.Atoi(string(buf[:n])); err == nil && i > 0 && i <= count {
			came[i] = true
		}
	}
	for i, ok := range came[1:] {
		if !ok {
			fmt.Fprintln(out, i+1)
		}
	}
	return nil
}

// hold opens count connections at once, exchanges messages on all of them, and
// prints how many lived and how long the dials took.
func hold(out io.Writer, count int, addr string) error {
	var all sync.WaitGroup
	var opened sync.WaitGroup // nobody closes before all are open
	dials, errs := make([]time.Duration, count), make([]error, count)
	opened.Add(count)
	for i := range count {
		all.Go(func() { dials[i], errs[i] = holdOne(addr, &opened) })
	}
	all.Wait()
	failed := slices.DeleteFunc(slices.Clone(errs), func(err error) bool { return err == nil })
	slices.Sort(dials)
	fmt.Fprintf(out, "%d %d %.1f %.1f\n", count, count-len(failed), dials[count/2].Seconds()*1e3, dials[count-1].Seconds()*1e3)
	if len(failed) > 0 {
		return failed[0]
	}
	return nil
}

func holdOne(addr string, opened *sync.WaitGroup) (dial time.Duration, err error) {
	begun := time.Now()
	c, err := net.DialTimeout("tcp4", addr, patience)
	dial = time.Since(begun)
	opened.Done()
	if err != nil {
		return dial, err
	}
	defer c.Close()
	opened.Wait()
	_ = c.SetDeadline(time.Now().Add(patience))
	said, heard := make([]byte, message), make([]byte, message)
	for i := range exchanges {
		said[0] = byte(i)
		if _, err := c.Write(said); err != nil {
			return dial, err
		}
		if _, err := io.ReadFull(c, heard); err != nil {
			return dial, err
		}
		if !slices.Equal(said, heard) {
			return dial, errors.New("another answer than was sent")
		}
	}
	return dial, nil
}
