package journal

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"radagora/fault"
)

// A Rule says how long entries are kept at least. Where several name an entry the
// longest counts.
type Rule struct {
	ID       string
	Kind     string // "*", "room.*" or room.noun.verb
	Personal bool   // only entries about some person
	Days     int    // since they happened
	Why      string
	Source   string
	Floor    bool // required by law: nobody shortens it
}

// A Plan says how far the journal may be dropped. Only a prefix can go, because what
// is left must verify: one entry that must stay keeps everything after it. So the
// rule that keeps the oldest entry governs all.
type Plan struct {
	Before int64  // what Drop is told
	Rule   Rule   // the rule that keeps the oldest entry that must stay
	Keeps  int64  // that entry; the next to be given if all may go
	Unread string // the consumer that has yet to read what might go otherwise, "" if none
}

// A Retained is what Retain did.
type Retained struct {
	Plan
	Last int64 // the last entry that is gone, of this time or an earlier one
}

// Retain drops what no rule keeps any longer, and appends by, with the rule in its
// Data, for each stretch that went. It is Invalid if no rule is for entries of every
// kind, since then some would have none; otherwise errors are those of Drop.
func (j *Journal) Retain(ctx context.Context, rules []Rule, by Entry) (Retained, error) {
	p, err := j.Retention(ctx, rules)
	if err != nil {
		return Retained{}, err
	}
	if by.Data == nil {
		if by.Data, err = json.Marshal(map[string]any{"rule": p.Rule.ID, "days": p.Rule.Days, "source": p.Rule.Source}); err != nil {
			return Retained{}, fmt.Errorf("retain journal: %w", err)
		}
	}
	last, err := j.Drop(ctx, p.Before, by)
	return Retained{p, last}, err
}

// Retention returns what Retain would drop now.
func (j *Journal) Retention(ctx context.Context, rules []Rule) (Plan, error) {
	if err := checkRules(rules); err != nil {
		return Plan{}, fmt.Errorf("retain journal: %w", err)
	}
	p, err := j.oldest(ctx, rules)
	if err != nil {
		return p, fmt.Errorf("retain journal: %w", err)
	}
	var seq int64
	err = j.db.QueryRow(ctx, "select consumer, seq from journal_cursor where seq < $1 order by seq limit 1", p.Before-1).Scan(&p.Unread, &seq)
	switch {
	case err == nil:
		p.Before = seq + 1
	case fault.Of(err) != fault.NotFound:
		return p, fmt.Errorf("retain journal: %w", err)
	}
	return p, nil
}

func checkRules(rules []Rule) error {
	all := func(r Rule) bool { return r.Kind == "*" && !r.Personal }
	if !slices.ContainsFunc(rules, all) {
		return fault.Errorf(fault.Invalid, "no rule is for everything")
	}
	for _, r := range rules {
		if r.Days <= 0 {
			return fault.Errorf(fault.Invalid, "rule %s: %d days", r.ID, r.Days)
		}
		if r.Kind != "*" {
			if err := checkKinds([]string{r.Kind}); err != nil {
				return fmt.Errorf("rule %s: %w", r.ID, err)
			}
		}
	}
	return nil
}

// oldest finds the oldest entry that a rule keeps.
func (j *Journal) oldest(ctx context.Context, rules []Rule) (Plan, error) {
	now := j.o.Now()
	s, err := next(ctx, j.db)
	if err != nil {
		return Plan{}, err
	}
	p := Plan{Before: s.first, Keeps: s.first}
	rules = slices.Clone(rules) // the longest first: it most likely governs and bounds the search of others
	slices.SortStableFunc(rules, func(a, b Rule) int { return b.Days - a.Days })
	for _, r := range rules {
		f := Filter{From: now.Add(-time.Duration(r.Days) * 24 * time.Hour), Before: p.Keeps, Personal: r.Personal, Limit: 1}
		if r.Kind != "*" {
			f.Kinds = []string{r.Kind}
		}
		for e, err := range j.Find(ctx, f) {
			if err != nil {
				return p, err
			}
			p.Keeps, p.Before, p.Rule = e.Seq, e.Seq, r
		}
	}
	if p.Rule.ID == "" {
		p.Rule = rules[0]
	}
	return p, nil
}
