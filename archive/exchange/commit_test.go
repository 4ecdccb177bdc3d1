package exchange_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"radagora/archive"
	"radagora/archive/exchange"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/dicom/uid"
	"radagora/fault"
)

// A witness answers for what it took, as it is told to.
type witness struct {
	mu     sync.Mutex
	err    []error // of the next calls
	lacks  int     // instances it does not answer for
	mute   bool
	asked  []uid.UID // transactions
	listed []int     // instances of each
}

func (w *witness) Commit(ctx context.Context, _, _ string, transaction uid.UID, list []archive.Instance, told func(context.Context, exchange.Commitment) error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked, w.listed = append(w.asked, transaction), append(w.listed, len(list))
	if len(w.err) > 0 {
		err := w.err[0]
		w.err = w.err[1:]
		return err
	}
	if w.mute {
		return nil
	}
	c := exchange.Commitment{Transaction: transaction, Failed: map[uid.UID]uint16{}}
	for n, i := range list {
		if n < w.lacks {
			c.Failed[i.SOP] = 0x0112
		} else {
			c.Kept = append(c.Kept, i.SOP)
		}
	}
	w.lacks = 0
	return told(ctx, c)
}

// first waits for the first question: that it is asked is written before it is.
func (w *witness) first(t *testing.T) uid.UID {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		w.mu.Lock()
		asked := slices.Clone(w.asked)
		w.mu.Unlock()
		if len(asked) > 0 {
			return asked[0]
		}
	}
	t.Fatal("not asked within a minute")
	return uid.UID{}
}

// TestCommitment: what the peer took it is asked to answer for, and what it lacks is
// sent again.
func TestCommitment(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		witness *witness
		want    string
		n       int64
		again   string // the state after it was sent again; "" does not try
	}{
		"it answers":                 {&witness{}, exchange.CommitDone, 4, ""},
		"it lacks one":               {&witness{lacks: 1}, exchange.CommitFailed, 3, exchange.CommitDone},
		"it offers no commitment":    {&witness{err: []error{fault.Errorf(fault.Unsupported, "no")}}, exchange.CommitNotOffered, 0, ""},
		"it refuses":                 {&witness{err: []error{&exchange.RefusedError{Status: 0x0110, Words: "processing failure"}}}, exchange.CommitRefused, 0, ""},
		"the line breaks, and holds": {&witness{err: []error{fault.Errorf(fault.Unavailable, "the line broke")}}, exchange.CommitDone, 4, ""},
		"it says nothing":            {&witness{mute: true}, exchange.CommitAsked, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dbtest.Run(t, func(t *testing.T, d *db.DB) {
				w := &witness{lacks: c.witness.lacks, mute: c.witness.mute, err: slices.Clone(c.witness.err)} // each uses its own up
				r := openAsking(t, d, kept{n: 3}, nil, w)
				if err := r.Send(t.Context(), "anna", site, "PACS", study.String(), "", exchange.All, false); err != nil {
					t.Fatal(err)
				}
				is := func(state string) func([]exchange.Transfer) bool {
					return func(l []exchange.Transfer) bool { return over(l) && l[0].Commitment == state }
				}
				x := r.until(t, "asked", is(c.want))[0]
				if x.State != exchange.Done || x.Committed != c.n {
					t.Errorf("the transfer is %+v; want %d committed", x, c.n)
				}
				if c.again != "" {
					if err := r.Again(t.Context(), "anna", site, x.ID); err != nil {
						t.Fatal(err)
					}
					x = r.until(t, "asked again", is(c.again))[0]
					if len(r.wire.taken()) != 5 || x.Committed != 4 {
						t.Errorf("after it was sent again: %+v, sent %d; want one more", x, len(r.wire.taken()))
					}
				}
			})
		})
	}
}

// TestCommitmentLate: who says nothing is silent after a day, and may answer then.
func TestCommitmentLate(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		w := &witness{mute: true}
		r := openAsking(t, d, kept{n: 1}, nil, w)
		if err := r.Send(t.Context(), "anna", site, "PACS", study.String(), "", exchange.All, false); err != nil {
			t.Fatal(err)
		}
		r.until(t, "asked", func(l []exchange.Transfer) bool { return over(l) && l[0].Commitment == exchange.CommitAsked })
		transaction := w.first(t)
		for what, c := range map[string]struct {
			peer        string
			transaction uid.UID
		}{
			"another peer": {"OTHER", transaction}, "another transaction": {"PACS", uid.Must("1.2.9")},
		} {
			if err := r.Answered(t.Context(), site, c.peer, exchange.Commitment{Transaction: c.transaction}); fault.Of(err) != fault.NotFound {
				t.Errorf("%s answers: %v", what, err)
			}
		}
		// The job that waits is written after the question: the clock moves again when
		// the first move came too early. It must not move while the job works, or its
		// lease would end each time.
		for tries, silent := 0, false; !silent; tries++ {
			if tries%100 == 0 {
				r.later(25 * time.Hour)
			}
			time.Sleep(10 * time.Millisecond)
			list, err := r.Transfers(t.Context(), site, "", nil, 1)
			if err != nil {
				t.Fatal(err)
			}
			silent = list[0].Commitment == exchange.CommitSilent
		}
		for range 2 { // said twice, it counts once
			err := r.Answered(t.Context(), site, "PACS", exchange.Commitment{Transaction: transaction, Kept: []uid.UID{uid.Must(images.String() + ".1"), uid.Must(report.String() + ".1"), uid.Must("1.2.99")}})
			if err != nil {
				t.Fatal(err)
			}
		}
		list, err := r.Transfers(t.Context(), site, "", nil, 1)
		if err != nil || list[0].Commitment != exchange.CommitDone || list[0].Committed != 2 {
			t.Errorf("after a late answer: %+v, %v", list, err)
		}
	})
}
