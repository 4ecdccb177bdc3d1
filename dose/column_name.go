package dose

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"

	"radagora/db"
)

// A nameOf is how often the examinations of a machine bore a name.
type nameOf struct {
	NameUse
	machine string
}

// A names keeps how often names were borne, by site and month.
type names struct {
	mu     sync.Mutex
	months map[[2]string]monthOfNames
}

type monthOfNames struct {
	version string // of all modalities
	names   []nameOf
}

// keptMonths is of how many months names are kept at most; a month has as many as a
// site has protocols and procedures.
const keptMonths = 240

// namesSince returns how often names were borne since a day, machine by machine.
func (l *Ledger) namesSince(ctx context.Context, tx *db.Tx, siteID, since string) ([]nameOf, error) {
	type version struct{ month, version string }
	list, err := db.List(ctx, tx, func(r *db.Rows) (v version, err error) { return v, r.Scan(&v.month, &v.version) },
		`select month, version from dose_month where site_id = $1 and month >= $2 order by month, modality`, siteID, monthOf(since))
	if err != nil {
		return nil, err
	}
	var months []version
	for _, v := range list {
		if n := len(months); n > 0 && months[n-1].month == v.month {
			months[n-1].version += " " + v.version
			continue
		}
		months = append(months, v)
	}
	all := map[[3]string]*nameOf{}
	for _, v := range months {
		from, to := daysOf(v.month, v.month)
		whole := since <= from || since == v.month+"-01"
		key := [2]string{siteID, v.month}
		l.names.mu.Lock()
		found := l.names.months[key]
		l.names.mu.Unlock()
		if found.version != v.version || !whole {
			read, err := namesBetween(ctx, tx, siteID, max(from, since), to)
			if err != nil {
				return nil, err
			}
			found = monthOfNames{v.version, read}
			if whole {
				l.names.keep(key, found)
			}
		}
		for _, n := range found.names {
			at := [3]string{string(n.Source), n.Folded, n.machine}
			u := all[at]
			if u == nil {
				own := n
				all[at] = &own
				continue
			}
			u.Text, u.Modality, u.LastDay = max(u.Text, n.Text), min(u.Modality, n.Modality), max(u.LastDay, n.LastDay)
			u.Examinations += n.Examinations
			u.Unmapped += n.Unmapped
		}
	}
	out := make([]nameOf, 0, len(all))
	for _, u := range all {
		out = append(out, *u)
	}
	slices.SortFunc(out, func(a, b nameOf) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), strings.Compare(a.Folded, b.Folded), strings.Compare(a.machine, b.machine))
	})
	return out, nil
}

// keep keeps the names of a month.
func (n *names) keep(key [2]string, m monthOfNames) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.months == nil || len(n.months) >= keptMonths {
		n.months = map[[2]string]monthOfNames{}
	}
	n.months[key] = m
}

// namesBetween reads them.
func namesBetween(ctx context.Context, tx *db.Tx, siteID, from, to string) ([]nameOf, error) {
	return db.List(ctx, tx, func(r *db.Rows) (u nameOf, err error) {
		return u, r.Scan(&u.Source, &u.Folded, &u.machine, &u.Text, &u.Modality, &u.Examinations, &u.Unmapped, &u.LastDay)
	}, `select n.source, n.folded, n.machine_id, max(n.shown), min(x.modality), count(*),
		sum(case when x.exam_code = '' then 1 else 0 end), max(x.day)
		from dose_examination x join dose_name n
		on x.site_id = n.site_id and x.study_uid = n.study_uid and x.examination = n.examination
		where x.site_id = $1 and x.day between $2 and $3 and (x.excluded <> $4 or x.exam_code <> '')
		group by n.source, n.folded, n.machine_id`, siteID, from, to, ExcludedNotPatient)
}
