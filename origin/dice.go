package origin

// dice is a source of numbers that are the same in every run and every version
// of Go, which math/rand promises for its sources but not for what it makes of
// them. It is splitmix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom
// Number Generators", 2014).
type dice uint64

func (d *dice) next() uint64 {
	*d += 0x9e3779b97f4a7c15
	z := uint64(*d)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// roll returns a number from 0 to n-1.
func (d *dice) roll(n int) int { return int(d.next() % uint64(n)) }

// pick returns one of the words.
func (d *dice) pick(words []string) string { return words[d.roll(len(words))] }
