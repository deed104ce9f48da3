package packet

import (
	"fmt"
	"strings"
	"time"
)

// A Damage is a place in a file that cannot be read, or a packet. It is a record:
// reading goes on behind it, if there is anything.
type Damage struct {
	Packet int   // the number of the packet, or of the next one where damage is between two
	Offset int64 // in the file, once it is no longer compressed
	What   string
}

func (d *Damage) Error() string {
	return fmt.Sprintf("packet %d, at byte %d: %s", d.Packet, d.Offset, d.What)
}

// Places count what happened more than once, and remember where first.
type Places struct {
	Count int
	First []int // packet numbers, at most 8
}

const firstPlaces = 8

func (p *Places) add(number int) {
	p.Count++
	if len(p.First) < firstPlaces {
		p.First = append(p.First, number)
	}
}

// where names the first places: "packet 7", "packets 7, 9 and 3 more".
func (p Places) where() string {
	if p.Count == 1 {
		return fmt.Sprintf("packet %d", p.First[0])
	}
	named := p.First[:min(len(p.First), 4)]
	text := "packets " + strings.Trim(strings.ReplaceAll(fmt.Sprint(named), " ", ", "), "[]")
	if more := p.Count - len(named); more > 0 {
		return fmt.Sprintf("%s and %d more", text, more)
	}
	return text
}

// Defects are what a reader has met so far, and what was not as it should be.
type Defects struct {
	Read     int // packets of the file, whatever they hold
	TCP, UDP int // that were handed over
	NotIP    int
	OtherIP  int // IP, but neither TCP nor UDP

	// Unreadable are packets of a link type that is not read: the last such type is
	// UnreadableLink.
	Unreadable     Places
	UnreadableLink LinkType

	// Damaged are packets and places in the file that could not be read; Damages are
	// the first 8.
	Damaged int
	Damages []Damage

	// Truncated is where the file ends within a packet, -1 if it does not.
	Truncated int64

	Snapped   Places // captured in part
	Backwards Places // earlier than the packet before
	MostBack  time.Duration

	// Absurd are packets whose time is none: a fraction of more than a second, what
	// does not fit into 64 bits of nanoseconds, a year or more from the packets before.
	// They were given the time of the packet before; so were Untimed ones, for which
	// pcapng's simple packet blocks have no place.
	Absurd, Untimed Places

	UnknownBlocks int // of pcapng; they were passed over

	// Missed is how many packets whoever captured could not keep up with, as the file
	// says.
	Missed uint64

	Fragments   int // of IP packets
	Reassembled int // packets that were made of them
	Incomplete  int // packets that were not, among them those of which fragments may still come

	SecretsDropped int // bytes of decryption secrets for which there was no room
}

func newDefects() Defects { return Defects{Truncated: -1} }

// damage counts a damage and returns it.
func (d *Defects) damage(number int, at int64, format string, args ...any) *Damage {
	one := &Damage{Packet: number, Offset: at, What: fmt.Sprintf(format, args...)}
	d.Damaged++
	if len(d.Damages) < firstPlaces {
		d.Damages = append(d.Damages, *one)
	}
	return one
}

// Sentences say what was not as it should be, one thing each; none if all was well.
func (d Defects) Sentences() []string {
	var all []string
	say := func(when bool, format string, args ...any) {
		if when {
			all = append(all, fmt.Sprintf(format, args...))
		}
	}
	say(d.Read == 0, "There are no packets in the capture.")
	say(d.Read > 0 && d.TCP == 0, "There is no TCP in the capture of %s.", plural(d.Read, "packet"))
	say(d.NotIP > 0, "%s not IP.", are(d.NotIP, "packet"))
	say(d.Unreadable.Count > 0, "%s of a link type that is not read (%v): %s.",
		are(d.Unreadable.Count, "packet"), d.UnreadableLink, d.Unreadable.where())
	say(d.Truncated >= 0, "The file ends within a packet, at byte %d.", d.Truncated)
	d.sayDamaged(say)
	say(d.Snapped.Count > 0, "%s captured in part: %s.", were(d.Snapped.Count, "packet"), d.Snapped.where())
	d.sayTimes(say)
	say(d.UnknownBlocks > 0, "%s passed over: nobody here knows what they hold.", were(d.UnknownBlocks, "block"))
	say(d.Missed > 0, "Whoever captured could not keep up and missed %d packets.", d.Missed)
	say(d.Incomplete > 0, "%s not put together again: fragments are missing, or overlap.", were(d.Incomplete, "IP packet"))
	say(d.SecretsDropped > 0, "%s dropped: there are too many.", were(d.SecretsDropped, "byte of TLS secrets"))
	return all
}

func (d Defects) sayDamaged(say func(bool, string, ...any)) {
	if d.Damaged == 0 {
		return
	}
	first := d.Damages[0].Error()
	say(d.Damaged == 1, "One place is damaged: %s.", first)
	say(d.Damaged > 1, "%d places are damaged, the first is %s.", d.Damaged, first)
}

func (d Defects) sayTimes(say func(bool, string, ...any)) {
	say(d.Backwards.Count > 0, "Time steps backwards before %s, by %v at most.", d.Backwards.where(), d.MostBack)
	say(d.Absurd.Count > 0, "%s no time that makes sense and got that of the one before: %s.", have(d.Absurd.Count, "packet"), d.Absurd.where())
	say(d.Untimed.Count > 0, "%s no time and got that of the one before: %s.", have(d.Untimed.Count, "packet"), d.Untimed.where())
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	if head, tail, ok := strings.Cut(what, " of "); ok {
		return fmt.Sprintf("%d %ss of %s", n, head, tail)
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func are(n int, what string) string  { return verb(n, what, "is", "are") }
func were(n int, what string) string { return verb(n, what, "was", "were") }
func have(n int, what string) string { return verb(n, what, "has", "have") }

func verb(n int, what, one, many string) string {
	if n == 1 {
		many = one
	}
	return plural(n, what) + " " + many
}
