package lab

import (
	"testing"
)

// TestTap: everything is told, in order, before close returns.
func TestTap(t *testing.T) {
	for _, n := range []uint64{0, 1, 2, 10_000} {
		var told []uint64
		tap := newTap(func(r Record) { told = append(told, r.Seq) })
		for seq := range n {
			tap.add(Record{Seq: seq + 1})
		}
		tap.close()
		if uint64(len(told)) != n || tap.missing() != 0 {
			t.Errorf("%d of %d were told, %d are counted as lost", len(told), n, tap.missing())
		}
		for i, seq := range told {
			if seq != uint64(i)+1 {
				t.Fatalf("record %d of %d is packet %d", i+1, n, seq)
			}
		}
	}
}

// TestTapTooSlow: a function that does not return holds up nobody. There is room for
// so many records, in whatever portions they come; what there is none for is lost and
// counted; the rest is told once the function does return.
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
	tap.add(Record{Seq: 1})
	<-began
	const lost = 10
	for seq := range uint64(tapRoom + lost) {
		tap.add(Record{Seq: seq + 2})
	}
	if got := tap.missing(); got != lost {
		t.Errorf("%d were lost, want %d", got, lost)
	}
	close(goOn)
	tap.close()
	if len(told) != 1+tapRoom || told[tapRoom] != 1+tapRoom {
		t.Errorf("%d were told, want %d", len(told), 1+tapRoom)
	}
}

// TestTapAllocatesNothing: besides what a record holds, nothing is new with each.
func TestTapAllocatesNothing(t *testing.T) {
	told := make(chan uint64, 1)
	tap := newTap(func(r Record) { told <- r.Seq })
	defer tap.close()
	one := func() {
		tap.add(Record{Seq: 1})
		<-told
	}
	one()
	one() // now both slices have room
	if n := testing.AllocsPerRun(1000, one); n != 0 {
		t.Errorf("%v allocations for a record", n)
	}
}

// TestTapOfNobody: without a function there is nothing to do.
func TestTapOfNobody(t *testing.T) {
	tap := newTap(nil)
	if tap != nil {
		t.Fatalf("%+v", tap)
	}
	if n := tap.missing(); n != 0 {
		t.Errorf("%d are missing", n)
	}
	tap.close()
}
