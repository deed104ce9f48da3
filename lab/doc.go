// Package lab makes a network to measure on: a client side and a server side, each
// with the kernel's own TCP, joined by an emulated link whose delay, rate, queue and
// losses are exact and can be had again. It needs Linux, and root, or a user
// namespace and a /dev/net/tun that may be opened (see [Available] and [Rootless]).
//
//	l, err := lab.New(lab.Config{
//		Up:   link.Config{Delay: 14 * time.Millisecond, Rate: 1_000_000},
//		Down: link.Config{Delay: 14 * time.Millisecond, Rate: 5_000_000},
//	})
//	defer l.Close()
//	listener, err := l.Server.Listen("tcp", "origin:80")
//	conn, err := l.Client.Dial("tcp", "origin:80")
//	out, err := l.Client.Command(ctx, "curl", "http://origin/").Output()
//
// What becomes of a packet, in order:
//
//	the sender's kernel      a socket of one side, its route has the settings of Kernel
//	tun (read)               the device; pieces are cut to packets        tun_linux.go
//	relay (enter)            which host is it for, which connection is it of
//	link … link              the shared one and the host's own            paths_linux.go
//	relay (pass)             on to the next link, or                      relay_linux.go
//	bundle                   with others of its kind that are due, if any  bundle_linux.go
//	tun (write)              to the receiver's kernel, and
//	tap                      what became of it, to whoever wants to know  tap.go
//
// The network namespaces have no name. They belong to threads of this process, and
// end with it, however it ends; so do the programs that were started inside.
//
// What a program takes on that imports this package: it is started once more, through
// /proc/self/exe and with an argv[0] of its own, as the init of the programs inside.
// Then this package's init function never returns. Those of packages that are
// initialised before it, which Go orders by imports and then by path, run in
// that process, too: they should do nothing that must not be done twice. And while a
// lab is there, GOMAXPROCS is higher than it was, by 2 for each lab.
package lab
