package lab

import (
	"testing"
)

// TestTap: everything is told, in order, before close returns.
func TestTap(t *testing.T) {
	for _, n := range []uint64{0, 1, batchSize - 1, batchSize, batchSize + 1, 10*batchSize + 7} {
		var told []uint64
		tap := newTap(func(r Record) { told = append(told, r.Seq) })
		for seq := range n {
			tap.add(Record{Seq: seq + 1})
			if seq%100 == 0 {
				tap.flush() // as the relay does when it has nothing to do
			}
		}
		tap.close()
		if uint64(len(told)) != n || tap.lost != 0 {
			t.Errorf("%d of %d were told, %d are counted as lost", len(told), n, tap.lost)
		}
		for i, seq := range told {
			if seq != uint64(i)+1 {
				t.Fatalf("record %d of %d is packet %d", i+1, n, seq)
			}
		}
	}
}

// TestTapTooSlow: a function that does not return holds up nobody. What there is no
// room for is lost and counted; the rest is told once it does return.
func TestTapTooSlow(t *testing.T) {
	began, goOn := make(chan bool), make(chan bool)
	var told []uint64
	tap := newTap(func(r Record) {
		if r.Seq == 1 {
			began <- true
			<-goOn
		}
		told = append(told, r.Seq)
	})
	const room = (1 + batchesAhead) * batchSize // the batch that is being told, and those behind it
	const all = room + 3*batchSize + 10
	for seq := range uint64(all) {
		tap.add(Record{Seq: seq + 1})
		if seq+1 == batchSize {
			<-began
		}
	}
	if tap.lost != 3*batchSize {
		t.Errorf("%d were lost, want %d", tap.lost, 3*batchSize)
	}
	tap.flush() // the last 10
	if tap.lost != 3*batchSize+10 {
		t.Errorf("%d were lost, want %d", tap.lost, 3*batchSize+10)
	}
	close(goOn)
	tap.add(Record{Seq: all + 1})
	tap.close()
	if n := len(told); int64(n)+tap.lost != all+1 || n < room {
		t.Errorf("%d were told, and %d lost, of %d", n, tap.lost, all+1)
	}
}

// TestTapOfNobody: without a function there is nothing to do.
func TestTapOfNobody(t *testing.T) {
	tap := newTap(nil)
	if tap != nil {
		t.Fatalf("%+v", tap)
	}
	tap.flush()
	tap.close()
}
