package worklist_test

import (
	"testing"

	"radagora/db/dbtest"
	"radagora/fault"
	"radagora/site"
	"radagora/worklist"
)

// TestBook takes an order off the worklist and puts it back: what was begun stays, what
// is done twice is done once, and an order that is cancelled is not put back.
func TestBook(t *testing.T) {
	k := newDesk(t, dbtest.Open(t, dbtest.SQLite(t)))
	o := k.create()
	key := o.Steps[0].Key
	for i, c := range []struct {
		do   func() (worklist.Order, error)
		want worklist.State
		more int64 // versions
	}{
		{func() (worklist.Order, error) { return k.Unschedule(k.ctx, site.Default, o.ID) }, worklist.Cancelled, 1},
		{func() (worklist.Order, error) { return k.Unschedule(k.ctx, site.Default, o.ID) }, worklist.Cancelled, 1},
		{func() (worklist.Order, error) { return k.Reschedule(k.ctx, site.Default, o.ID, "another") }, worklist.Cancelled, 1},
		{func() (worklist.Order, error) { return k.Reschedule(k.ctx, site.Default, o.ID, key) }, worklist.Scheduled, 2},
		{func() (worklist.Order, error) { return k.Reschedule(k.ctx, site.Default, o.ID, key) }, worklist.Scheduled, 2},
	} {
		got, err := c.do()
		if err != nil || got.State != worklist.Active || got.Steps[0].State != c.want || got.Version != o.Version+c.more {
			t.Errorf("%d: %s, step %s, version %d, %v; want active, %s, %d", i, got.State, got.Steps[0].State, got.Version, err, c.want, o.Version+c.more)
		}
		kept, err := k.Get(k.ctx, site.Default, o.ID)
		if err != nil || kept.Steps[0].State != c.want {
			t.Errorf("%d: kept as %s, %v", i, kept.Steps[0].State, err)
		}
	}
	if _, err := k.Cancel(k.ctx, site.Default, o.ID, 0, "no more"); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Reschedule(k.ctx, site.Default, o.ID, key); fault.Of(err) != fault.Conflict {
		t.Errorf("a cancelled order: %v; want conflict", err)
	}
	if _, err := k.Unschedule(t.Context(), site.Default, o.ID); fault.Of(err) != fault.Forbidden {
		t.Errorf("by nobody: %v; want forbidden", err)
	}
	if _, err := k.Unschedule(k.ctx, site.Default, "none"); fault.Of(err) != fault.NotFound {
		t.Errorf("no order: %v; want not found", err)
	}
}
