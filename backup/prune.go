package backup

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"radagora/fault"
)

// A Policy says how long backups are kept: all of the last Days days; the last of
// each day for Daily days, of each ISO week for Weekly weeks, of each month for
// Monthly months. The zero Policy keeps everything.
type Policy struct {
	All     int // days
	Daily   int // days
	Weekly  int // weeks
	Monthly int // months
}

// policyRule is one part of a policy as people write it.
var policyRule = regexp.MustCompile(`^([0-9]{1,4})([adwm])$`)

// ParsePolicy reads "2a 7d 5w 12m": everything for 2 days, daily ones for 7 days,
// weekly ones for 5 weeks, monthly ones for 12 months. "" keeps everything.
func ParsePolicy(s string) (Policy, error) {
	var p Policy
	for _, part := range strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == ',' }) {
		m := policyRule.FindStringSubmatch(part)
		if m == nil {
			return p, fault.Errorf(fault.Invalid, "keep %q: write it like 2a,7d,5w,12m: all for 2 days, daily for 7 days, weekly for 5 weeks, monthly for 12 months", s)
		}
		n, err := strconv.Atoi(m[1])
		if err != nil {
			return p, fault.As(fault.Invalid, err)
		}
		*map[string]*int{"a": &p.All, "d": &p.Daily, "w": &p.Weekly, "m": &p.Monthly}[m[2]] = n
	}
	return p, nil
}

// String returns the policy as ParsePolicy reads it.
func (p Policy) String() string {
	var parts []string
	for _, x := range []struct {
		n    int
		unit string
	}{{p.All, "a"}, {p.Daily, "d"}, {p.Weekly, "w"}, {p.Monthly, "m"}} {
		if x.n > 0 {
			parts = append(parts, strconv.Itoa(x.n)+x.unit)
		}
	}
	return strings.Join(parts, ",")
}

// expires returns until when a backup is kept that is the last of its day, week and
// month or not. The zero time means for ever.
func (p Policy) expires(t time.Time, lastOfDay, lastOfWeek, lastOfMonth bool) time.Time {
	if p == (Policy{}) {
		return time.Time{}
	}
	until := t.AddDate(0, 0, p.All)
	for _, x := range []struct {
		last bool
		till time.Time
	}{{lastOfDay, t.AddDate(0, 0, p.Daily)}, {lastOfWeek, t.AddDate(0, 0, 7*p.Weekly)}, {lastOfMonth, t.AddDate(0, p.Monthly, 0)}} {
		if x.last && x.till.After(until) {
			until = x.till
		}
	}
	return until
}

// A Kept is a backup with the date until which it is kept.
type Kept struct {
	*Manifest
	Until time.Time // the zero time means for ever; the latest backup stays beyond it until there is another
}

// Kept lists the backups, latest first, with their dates under the policy.
func (k *Keeper) Kept(ctx context.Context) ([]Kept, error) {
	if k.c.Target == nil {
		return nil, errNoTarget
	}
	all, err := manifests(ctx, k.c.Target, k.keys.public(), nil)
	return k.c.Keep.apply(all), err
}

// apply gives each backup its date. Days, weeks and months are those of UTC.
func (p Policy) apply(all []*Manifest) []Kept {
	out, seen := make([]Kept, 0, len(all)), map[string]bool{}
	first := func(key string) bool {
		was := seen[key]
		seen[key] = true
		return !was
	}
	for _, m := range all { // latest first, so the first of a day is its last
		t := m.Snapshot.UTC()
		year, week := t.ISOWeek()
		out = append(out, Kept{m, p.expires(t, first(t.Format(time.DateOnly)), first(fmt.Sprint(year, "w", week)), first(t.Format("2006-01")))})
	}
	return out
}

// LastBackupHolding returns until when backups hold what was erased at t: the date
// on which the last backup made before t goes, as the policy stands and if backups
// go on. It is the zero time and false if none is kept that is so old, and the zero
// time and true if one is kept for ever.
func (k *Keeper) LastBackupHolding(ctx context.Context, t time.Time) (until time.Time, holds bool, err error) {
	all, err := k.Kept(ctx)
	if err != nil {
		return time.Time{}, false, err
	}
	for _, b := range all {
		if b.Snapshot.After(t) {
			continue
		}
		if b.Until.IsZero() {
			return time.Time{}, true, nil
		}
		if holds = true; b.Until.After(until) {
			until = b.Until
		}
	}
	return until, holds, nil
}

// A Pruning says what Prune removed.
type Pruning struct {
	Backups int   // that went
	Kept    int   // that stay
	Bytes   int64 // that were given back
}

// Prune removes the backups that the policy does not keep, and the pieces that no
// backup names any more. The latest backup stays always.
func (k *Keeper) Prune(ctx context.Context, p Policy) (Pruning, error) {
	if k.c.Target == nil {
		return Pruning{}, errNoTarget
	}
	var done Pruning
	err := k.alone(ctx, func(ctx context.Context) (err error) {
		done, err = k.prune(ctx, p)
		return err
	})
	return done, err
}

func (k *Keeper) prune(ctx context.Context, p Policy) (Pruning, error) {
	var done Pruning
	all, err := manifests(ctx, k.c.Target, k.keys.public(), nil)
	if err != nil {
		return done, err
	}
	for i, b := range p.apply(all) {
		if i == 0 || b.Until.IsZero() || b.Until.After(k.c.Now()) {
			done.Kept++
			continue
		}
		if err := k.c.Target.Delete(ctx, manifestsPrefix+b.ID); err != nil {
			return done, fmt.Errorf("remove backup %s: %w", b.ID, err)
		}
		done.Backups++
	}
	if err := k.c.Target.Sync(ctx); err != nil {
		return done, err
	}
	done.Bytes, err = k.sweep(ctx)
	return done, err
}

// sweep removes the pieces that no manifest names, and the note of an unfinished
// backup. It does nothing while a manifest cannot be read: it may name them.
func (k *Keeper) sweep(ctx context.Context) (freed int64, err error) {
	unreadable := 0
	all, err := manifests(ctx, k.c.Target, k.keys.public(), func(string, error) { unreadable++ })
	if err != nil {
		return 0, err
	}
	if unreadable > 0 {
		k.c.Log.WarnContext(ctx, "nothing is swept while a manifest cannot be read", "manifests", unreadable)
		return 0, nil
	}
	tail, err := readTail(ctx, k.c.Target, k.keys.public())
	switch {
	case err == nil:
		all = append(all, tail)
	case fault.Of(err) != fault.NotFound:
		return 0, err
	}
	named := map[string]bool{}
	for _, m := range all {
		_ = m.each(func(p Piece) error { named[p.file()] = true; return nil })
	}
	var gone []Item
	for item, err := range k.c.Target.List(ctx, piecesPrefix) {
		if err != nil {
			return 0, err
		}
		if !named[item.Name] {
			gone = append(gone, item)
		}
	}
	for _, item := range gone {
		if err := k.c.Target.Delete(ctx, item.Name); err != nil {
			return freed, err
		}
		freed += item.Size
	}
	return freed, k.c.Target.Delete(ctx, partialName)
}
