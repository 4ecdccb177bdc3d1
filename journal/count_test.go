package journal_test

import (
	"testing"
	"time"

	"radagora/db"
	"radagora/db/dbtest"
	"radagora/journal"
)

func TestCountCountsWhatFindFinds(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		j := running(t, d, quick())
		for _, kind := range []string{"archive.instance.stored", "archive.instance.refused", "archive.instance.stored"} {
			add(t, d, j, journal.Entry{Site: "default", Actor: "test", Kind: kind})
		}
		allSealed(t, j)
		for _, c := range []struct {
			name string
			f    journal.Filter
			want int64
		}{
			{"all", journal.Filter{}, 3},
			{"a kind", journal.Filter{Kinds: []string{"archive.instance.stored"}}, 2},
			{"limits do not count", journal.Filter{Limit: 1}, 3},
			{"another site", journal.Filter{Site: "other"}, 0},
			{"the future", journal.Filter{From: time.Now().Add(24 * time.Hour)}, 0},
		} {
			if got, err := j.Count(t.Context(), c.f); err != nil || got != c.want {
				t.Errorf("%s: Count = %d, %v; want %d", c.name, got, err, c.want)
			}
		}
	})
}
