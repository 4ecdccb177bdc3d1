// Package demo makes a plausible department's year.
//
// It makes the dose reports that the rooms of a made-up department send in the
// year up to a day, in the order in which they are sent, as data sets a
// modality would send: CT reports (PS3.16 TID 10011) and reports of
// radiography, angiography and mammography (TID 10001). What the department
// looks like, how much it does and with which doses is the content set
// demo/department; what is planted in it for people to find is demo/story; what
// its people have decided is demo/decision. Persons and numbers are invented.
//
// The same content, seed, day and size make the same bytes. The package sends
// nothing and decides nothing: whoever loads the demonstration does.
package demo

import (
	"cmp"
	"container/heap"
	"context"
	"iter"
	"time"

	"radagora/content"
	"radagora/dicom/uid"
	"radagora/fault"
)

// A Size says how much the department does.
type Size string

// The sizes: columns of the table volumes.
const (
	Full  Size = "full"  // some 20 000 examinations
	Small Size = "small" // some 600, for tests; each story is told by it too
)

// Seed is the seed of the demonstration that everybody sees.
const Seed = 9

// A Year is the year that is to be made. It may be used by several goroutines.
type Year struct {
	Content *content.Library // where the department is described
	Seed    uint64           // another seed makes other patients, times and doses
	Until   time.Time        // its calendar day is the last one; only that counts
	Size    Size             // "" is Full
}

// An Object is one dose report as a room sends it.
type Object struct {
	SOPClass       uid.UID
	SOPInstance    uid.UID
	Study          uid.UID
	TransferSyntax uid.UID   // of Data
	Room           string    // name of the room
	AETitle        string    // that the room calls with
	At             time.Time // when it is sent, local time of the department marked as UTC
	Data           []byte    // the data set, without preamble and meta information
}

// Objects makes the reports of the year, in the order of At. It holds few of them
// at a time. The last pair carries an error if there is one: of kind Invalid where
// content does not fit together, NotFound where it is missing, or that of ctx.
func (y *Year) Objects(ctx context.Context) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		for d, err := range y.deliveries(ctx) {
			var o Object
			if err == nil {
				o, err = d.report.object()
				o.At = d.at
			}
			if !yield(o, err) || err != nil {
				return
			}
		}
	}
}

// Count returns how many objects the year has, without making them.
func (y *Year) Count(ctx context.Context) (int, error) {
	n := 0
	for _, err := range y.deliveries(ctx) {
		if err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}

// A delivery is a report on its way.
type delivery struct {
	at     time.Time
	number int // breaks ties, so that the order is always the same
	report *report
}

// deliveries yields reports in the order in which they are sent.
func (y *Year) deliveries(ctx context.Context) iter.Seq2[delivery, error] {
	return func(yield func(delivery, error) bool) {
		m, err := y.maker()
		if err != nil {
			yield(delivery{}, err)
			return
		}
		var waiting queue
		number := 0
		for v := range m.visits() {
			if err := ctx.Err(); err != nil {
				yield(delivery{}, fault.As(fault.Unavailable, err))
				return
			}
			// What is yet to come is sent after it begins.
			for len(waiting) > 0 && waiting[0].at.Before(v.planned) {
				if !yield(heap.Pop(&waiting).(delivery), nil) { //nolint:errcheck,forcetypeassert // the queue holds nothing else
					return
				}
			}
			for _, r := range m.reports(v) {
				number++
				heap.Push(&waiting, delivery{at: r.sent, number: number, report: r})
			}
		}
		for len(waiting) > 0 {
			if !yield(heap.Pop(&waiting).(delivery), nil) { //nolint:errcheck,forcetypeassert // the queue holds nothing else
				return
			}
		}
	}
}

// maker reads the content and returns what makes the year.
func (y *Year) maker() (*maker, error) {
	size := cmp.Or(y.Size, Full)
	switch {
	case y.Content == nil:
		return nil, fault.Errorf(fault.Invalid, "a year needs content")
	case size != Full && size != Small:
		return nil, fault.Errorf(fault.Invalid, "a year is full or small, not %q", y.Size)
	case y.Until.IsZero():
		return nil, fault.Errorf(fault.Invalid, "a year needs its last day")
	}
	d, err := read(y.Content, size)
	if err != nil {
		return nil, err
	}
	return newMaker(d, y.Seed, size, yearUntil(y.Until))
}

// A queue is a heap of deliveries, the earliest first.
type queue []delivery

func (q queue) Len() int      { return len(q) }
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(delivery)) } //nolint:errcheck,forcetypeassert // heap.Push above passes one
func (q queue) Less(i, j int) bool {
	return cmp.Or(q[i].at.Compare(q[j].at), cmp.Compare(q[i].number, q[j].number)) < 0
}

// Pop takes the last one off, as package heap asks.
func (q *queue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}
