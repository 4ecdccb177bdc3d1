package journal

import (
	"context"
	"fmt"
	"strings"

	"radagora/db"
	"radagora/fault"
)

// A search reads the entries with low < seq < high that match, a window of
// numbers at a time. The window grows where little is found, so that neither a
// rare kind nor a dense stretch makes a long query.
//
// Whatever the filter, each query walks one index in the order of numbers: of the
// person, subject, actor or kind, whichever has the fewest entries, or of the
// numbers themselves. A span of time becomes a span of numbers first.
type search struct {
	j         *Journal
	where     string
	args      []any
	low, high int64
	window    int64
	limit     int
	newest    bool
}

// The windows and pages of a search.
const (
	firstWindow = 4096
	lastWindow  = 1 << 20
	pageSize    = 500
)

// A term is a condition on entries; %s stands for the place of an argument.
type term struct {
	index string // the condition, if its index is to be walked; "" if it has none
	plain string // the condition, if it is not
	args  []any
}

func (j *Journal) search(ctx context.Context, f Filter) (*search, error) {
	s := &search{j: j, window: firstWindow, limit: pageSize, newest: f.Newest}
	if f.Limit > 0 {
		s.limit = min(s.limit, f.Limit)
	}
	if err := s.bounds(ctx, f); err != nil || s.high-s.low <= 1 {
		s.low = s.high
		return s, err
	}
	terms, err := s.terms(ctx, f)
	if err != nil {
		return nil, err
	}
	lead, err := s.lead(ctx, terms)
	if err != nil {
		return nil, err
	}
	for i, t := range terms {
		if i == lead {
			s.and(t.index, t.args...)
		} else {
			s.and(t.plain, t.args...)
		}
	}
	if !f.From.IsZero() {
		s.and("at_ms >= %s", f.From.UnixMilli())
	}
	if !f.Until.IsZero() {
		s.and("at_ms < %s", f.Until.UnixMilli())
	}
	return s, nil
}

// bounds sets low and high.
func (s *search) bounds(ctx context.Context, f Filter) error {
	head, err := s.j.head(ctx)
	if err != nil {
		return err
	}
	dropped, err := s.j.dropped(ctx)
	if err != nil {
		return err
	}
	low, high, err := s.j.span(ctx, f.From, f.Until)
	if err != nil {
		return err
	}
	s.low, s.high = max(f.After, dropped, low), min(head+1, high)
	if f.Before > 0 {
		s.high = min(s.high, f.Before)
	}
	return checkKinds(f.Kinds)
}

// terms returns what f asks for, apart from time. Of these the most telling comes
// first. A sum of texts keeps an index from being walked.
func (s *search) terms(ctx context.Context, f Filter) ([]term, error) {
	var all []term
	if f.Person != "" {
		var key string // nobody's, if the journal knows nothing of them
		err := s.j.db.QueryRow(ctx, "select key_id from journal_person_key where lookup = $1", s.j.keys.mac("person", f.Person)).Scan(&key)
		if err != nil && fault.Of(err) != fault.NotFound {
			return nil, err
		}
		if key == "" {
			key = "-"
		}
		all = append(all, term{"person_key_id <> '' and person_key_id = %s", "person_key_id || '' = %s", []any{key}})
	}
	if f.Subject != "" {
		all = append(all, term{"subject <> '' and subject = %s", "subject || '' = %s", []any{f.Subject}})
	}
	if f.Actor != "" {
		all = append(all, term{"actor = %s", "actor || '' = %s", []any{f.Actor}})
	}
	if len(f.Kinds) > 0 {
		t, err := s.kinds(ctx, f.Kinds)
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	if f.Personal {
		all = append(all, term{plain: "person_key_id || '' <> %s", args: []any{""}})
	}
	if f.Site != "" {
		all = append(all, term{plain: "site_id = %s", args: []any{f.Site}})
	}
	return all, nil
}

// kinds returns the condition for kinds, where room.* stands for those that occur.
func (s *search) kinds(ctx context.Context, kinds []string) (term, error) {
	var t term
	for _, k := range kinds {
		begin, all := strings.CutSuffix(k, "*")
		if !all {
			t.args = append(t.args, k)
			continue
		}
		known, err := s.j.Kinds(ctx)
		if err != nil {
			return t, err
		}
		for _, have := range known {
			if strings.HasPrefix(have, begin) {
				t.args = append(t.args, have)
			}
		}
	}
	if len(t.args) == 0 {
		t.args = []any{"-"} // none of them occurs
	}
	places := "%s" + strings.Repeat(", %s", len(t.args)-1)
	t.index, t.plain = "kind in ("+places+")", "kind || '' in ("+places+")"
	if len(t.args) == 1 {
		t.index, t.plain = "kind = %s", "kind || '' = %s"
	}
	return t, nil
}

// Kinds returns the kinds that occur among sealed entries, in order.
func (j *Journal) Kinds(ctx context.Context) ([]string, error) {
	// From each kind to the next, along the index.
	return db.List(ctx, j.db, func(r *db.Rows) (kind string, err error) { return kind, r.Scan(&kind) },
		`with recursive step (kind) as (
			select (select min(kind) from journal_entry where seq is not null)
			union all
			select (select min(e.kind) from journal_entry e where e.seq is not null and e.kind > step.kind) from step where step.kind is not null)
		select kind from step where kind is not null order by kind`)
}

// probes are up to how many entries are counted to learn which index is shortest.
var probes = []int64{1_000, 30_000}

// lead returns which of terms to walk the index of: the one that has the fewest
// entries, as far as that is soon known, else the first; -1 for none.
func (s *search) lead(ctx context.Context, terms []term) (int, error) {
	var indexed []int
	for i, t := range terms {
		if t.index != "" {
			indexed = append(indexed, i)
		}
	}
	if len(indexed) == 0 {
		return -1, nil
	}
	for _, most := range probes {
		if len(indexed) == 1 {
			break
		}
		best, fewest := -1, most
		for _, i := range indexed {
			n, err := s.count(ctx, terms[i], most)
			if err != nil {
				return -1, err
			}
			if n < fewest {
				best, fewest = i, n
			}
		}
		if best >= 0 {
			return best, nil
		}
	}
	return indexed[0], nil
}

// count counts the entries of a term between low and high, at most most.
func (s *search) count(ctx context.Context, t term, most int64) (n int64, err error) {
	probe := search{}
	probe.and(t.index, t.args...)
	args := append([]any{s.low, s.high, most}, probe.args...)
	err = s.j.db.QueryRow(ctx, "select count(*) from (select 1 as one from journal_entry where seq > $1 and seq < $2"+probe.where+" limit $3) as probe", args...).Scan(&n)
	return n, err
}

// and adds a condition; each %s in it stands for an argument.
func (s *search) and(condition string, args ...any) {
	places := make([]any, len(args))
	for i := range args {
		places[i] = fmt.Sprintf("$%d", len(s.args)+i+4)
	}
	s.args = append(s.args, args...)
	s.where += " and " + fmt.Sprintf(condition, places...)
}

// anyOf adds the condition for kinds without an index of theirs: for somebody who
// reads on and does not search.
func (s *search) anyOf(kinds []string) {
	if len(kinds) == 0 {
		return
	}
	either, args := make([]string, len(kinds)), make([]any, len(kinds))
	for i, k := range kinds {
		either[i], args[i] = "kind = %s", k
		if begin, all := strings.CutSuffix(k, "*"); all {
			either[i], args[i] = "kind like %s", begin+"%"
		}
	}
	s.and("("+strings.Join(either, " or ")+")", args...)
}

// checkKinds refuses what no kind can match, and what would match by accident.
func checkKinds(kinds []string) error {
	for _, k := range kinds {
		begin, all := strings.CutSuffix(k, ".*")
		if all {
			begin += ".x"
		}
		if !kindRule.MatchString(begin) {
			return fault.Errorf(fault.Invalid, "kind %.40q is neither of the form room.noun.verb nor room.*", k)
		}
	}
	return nil
}

// page returns the next entries and moves low or high past them. It may find none
// and not be at the end.
func (s *search) page(ctx context.Context) ([]Entry, error) {
	from, to, order := s.low, min(s.low+s.window+1, s.high), "seq"
	if s.newest {
		from, to, order = max(s.low, s.high-s.window-1), s.high, "seq desc"
	}
	page, err := s.j.load(ctx, "seq > $1 and seq < $2"+s.where+" order by "+order+" limit $3", append([]any{from, to, s.limit}, s.args...)...)
	if err != nil {
		return nil, err
	}
	full := len(page) == s.limit
	switch {
	case full && s.newest:
		s.high = page[len(page)-1].Seq
	case full:
		s.low = page[len(page)-1].Seq
	case s.newest:
		s.high = from + 1
	default:
		s.low = to - 1
	}
	if full {
		s.window = firstWindow
	} else {
		s.window = min(s.window*4, lastWindow)
	}
	if s.high-s.low == 1 {
		s.low = s.high // no number lies between
	}
	return page, nil
}
