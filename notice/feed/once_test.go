package feed_test

import (
	"slices"
	"testing"

	"radagora/db"
	"radagora/db/dbtest"
	"radagora/notice/feed"
)

// TestOnce: a change whose answer came is told once, however often the feed looks while
// it comes.
func TestOnce(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		p, r := open(t, d, "127.0.0.1"), receive(t)
		h := r.add(t, p, feed.Start{}, "instance")
		p.run(p.f.Run)
		const many = 60
		for range many {
			p.happen("archive.instance.stored", 1)
		}
		want := p.wanted(h.Cursor, "archive.instance.stored")
		until(t, "noted", func() bool { return p.hook().Cursor == want[len(want)-1] })
		if got := r.got(); !slices.Equal(got, want) {
			t.Errorf("%d changes were told %d times: %v", len(want), len(got), got)
		}
		if got := p.hook().Delivered; got != many {
			t.Errorf("delivered %d; want %d", got, many)
		}
	})
}
